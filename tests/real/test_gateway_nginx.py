"""A real nginx does with every request what the gateway says."""

from __future__ import annotations

import dataclasses
import posixpath
import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from nginx_site import (
    CREDENTIALS,
    Plan,
    Site,
    dialect_of,
    find_nginx,
    free_port,
    running,
    serving,
    started,
)
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from rolecall.core.gateway import Options, Server, build
from rolecall.core.products.loki import LOKI
from rolecall.core.routes import Access, Listener, Match, Port, Protocol, Route

pytestmark = pytest.mark.real

GOLDEN = Path(__file__).parents[1] / "core" / "cases" / "nginx"
UNITS = {"write": 2, "read": 2, "backend": 2}
OPEN = Options(admin=True, admin_file="set when it is written", peers={"backend": "backend/1"})
PUSH = "/loki/api/v1/push"
QUERY = "/loki/api/v1/query"


@pytest.fixture(scope="module")
def nginx() -> Path:
    found = find_nginx()
    if not found:
        pytest.skip("no nginx: name one in ROLECALL_NGINX or install it")
    return found


@pytest.fixture(scope="module")
def closed_site(nginx: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    plan = Plan(product=LOKI, units=UNITS)
    with running(nginx, tmp_path_factory.mktemp("closed"), plan) as site:
        yield site


@pytest.fixture(scope="module")
def open_site(nginx: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    plan = Plan(product=LOKI, units=UNITS, options=OPEN)
    with running(nginx, tmp_path_factory.mktemp("open"), plan) as site:
        yield site


@pytest.fixture
def closed(closed_site: Site) -> Site:
    """The gateway with its admin routes closed, and units that remember nothing yet."""
    closed_site.forget()
    return closed_site


@pytest.fixture
def opened(open_site: Site) -> Site:
    """The same with its admin routes open."""
    open_site.forget()
    return open_site


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.conf")), ids=lambda file: file.stem)
def test_nginx_accepts_the_text(nginx: Path, file: Path, tmp_path: Path):
    """Nginx takes every golden file that is written in its dialect."""
    text = file.read_text().replace("/srv/gateway", str(tmp_path))
    if "http2 on;" in text and not dialect_of(nginx).http2_directive:
        pytest.skip("this nginx is older than the directive http2")
    certificate = trustme.CA().issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    # Ports below 1024 need rights that a test may lack.
    conf = tmp_path / "nginx.conf"
    conf.write_text(re.sub(r"(listen \S+:)80\b", r"\g<1>18080", text))

    said = subprocess.run(
        [nginx, "-t", "-e", "stderr", "-p", tmp_path, "-c", conf], capture_output=True, text=True, check=False
    )

    assert said.returncode == 0, said.stderr


def spelled(route: Route) -> str:
    return f"{route.path}a" if route.match is Match.PREFIX else route.path


@pytest.mark.parametrize("route", LOKI.routes, ids=lambda route: route.path)
def test_every_route_reaches_its_role(opened: Site, route: Route):
    """Each documented route, with each of its methods, reaches a unit of its role with the path unchanged."""
    for method in route.methods or ("GET", "PUT"):
        opened.forget()

        answer = opened.ask(spelled(route) + "?a=%2F", method, headers=CREDENTIALS, body=b"")

        ((unit, seen),) = opened.seen()
        assert answer.json["unit"] == unit
        assert (seen.method, seen.path) == (method, spelled(route) + "?a=%2F")
        assert not route.roles or unit.split("/")[0] in route.roles
        assert not route.peer or unit == "backend/1"


@pytest.mark.parametrize(
    "route", [one for one in LOKI.routes if one.access is Access.ADMIN], ids=lambda route: route.path
)
def test_admin_routes_are_closed(closed: Site, route: Route):
    """With admin off, an internal route is refused with the setting that opens it, whoever asks."""
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = closed.ask(spelled(route), method, headers=CREDENTIALS)

        assert (answer.status, answer.json["setting"]) == (403, "admin: true")
        assert answer.headers["content-type"] == "application/json"
    assert closed.seen() == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YWRtaW46d3Jvbmc="}])
def test_admin_routes_need_credentials(opened: Site, headers: dict[str, str]):
    """With admin on, nothing passes without the right credentials."""
    answer = opened.ask("/flush", "POST", headers=headers)

    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.json["status"] == 401
    assert opened.seen() == []


def test_credentials_stay_at_the_gateway(opened: Site):
    """The administrator's credentials open the route, and the process never gets them."""
    assert opened.ask("/flush", "POST", headers=CREDENTIALS).status == 200

    ((_, seen),) = opened.seen()
    assert "authorization" not in seen.headers


def test_missing_credentials_file_opens_nothing(nginx: Path, tmp_path: Path):
    """Without its htpasswd file nginx refuses the admin routes instead of opening them."""
    with running(nginx, tmp_path, Plan(product=LOKI, units=UNITS, options=OPEN)) as site:
        (tmp_path / "admin").unlink()

        assert site.ask("/flush", "POST", headers=CREDENTIALS).status in (403, 500)
        assert site.seen() == []


@pytest.mark.parametrize("name", ["X-Scope-OrgID", "x-scope-orgid", "X_Scope_OrgID"])
def test_client_cannot_choose_its_tenant(closed: Site, name: str):
    """With one tenant the gateway names it, whatever the client sends."""
    closed.ask(QUERY, headers={name: "other"})

    ((_, seen),) = closed.seen()
    assert seen.headers["x-scope-orgid"] == LOKI.tenant
    assert "other" not in seen.headers.values()


def test_clients_name_their_tenants(nginx: Path, tmp_path: Path):
    """With many tenants the client's own name is kept, and none is made up."""
    plan = Plan(product=LOKI, units=UNITS, options=Options(multi_tenant=True))
    with running(nginx, tmp_path, plan) as site:
        site.ask(QUERY, headers={"X-Scope-OrgID": "other"})
        site.ask("/loki/api/v1/label/a/values")

        named, unnamed = sorted((seen for _, seen in site.seen()), key=lambda seen: seen.path, reverse=True)

    assert named.headers["x-scope-orgid"] == "other"
    assert "x-scope-orgid" not in unnamed.headers


@pytest.mark.parametrize("path", ["/", "/nothing", "/loki/api/v1", "/ingester", "/ready/", "/api/prom"])
def test_unlisted_path(opened: Site, path: str):
    """A path that no route lists is answered by the gateway: 404, as JSON."""
    answer = opened.ask(path, headers=CREDENTIALS)

    assert (answer.status, answer.json["code"]) == (404, "not-listed")
    assert opened.seen() == []


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        (PUSH, "GET", "POST"),
        (QUERY, "DELETE", "GET, HEAD, POST"),
        ("/loki/api/v1/label/a/values", "PUT", "GET, HEAD, POST"),
        ("/loki/api/v1/tail", "POST", "GET, HEAD"),
        (QUERY, "FLUSH", "GET, HEAD, POST"),
    ],
)
def test_wrong_method(closed: Site, path: str, method: str, allowed: str):
    """A method that the route doesn't take is refused with those that it does."""
    answer = closed.ask(path, method, body=b"x")

    assert (answer.status, answer.json["code"]) == (405, "wrong-method")
    assert answer.headers["allow"] == answer.json["allow"] == allowed
    assert closed.seen() == []


def test_head_passes_where_get_does(closed: Site):
    """HEAD reaches the process wherever GET does."""
    assert closed.ask(QUERY, "HEAD").status == 200
    assert closed.seen()[0][1].method == "HEAD"


def test_role_without_units(nginx: Path, tmp_path: Path):
    """A route whose role has no unit says so, the cluster isn't ready, and nginx is well."""
    with running(nginx, tmp_path, Plan(product=LOKI, units={"write": 1})) as site:
        query, ready, healthy = site.ask(QUERY), site.ask("/readyz"), site.ask("/healthz")

        assert site.ask(PUSH, "POST", body=b"x").status == 200

    assert (query.status, query.json["role"]) == (503, "read")
    assert (ready.status, ready.json["roles"]) == (503, ["backend", "read"])
    assert (healthy.status, healthy.json) == (200, {"status": "ok"})


def test_whole_cluster_is_ready(closed: Site):
    """With a unit for every required role the cluster is ready, as the gateway knows without asking one."""
    assert closed.ask("/readyz").json == {"status": "ready"}
    assert closed.seen() == []


@pytest.mark.parametrize(
    "path",
    [
        "/loki/api/v1/../../flush",
        "/loki/api/v1/../../../flush",
        "/loki/api/v1/label/../../../../flush",
        "/loki/api/v1/label//////../../../../flush",
        "/loki/api/v1/label/..%2f..%2f..%2f..%2fflush",
        "/loki/api/v1/rules/%2e%2e/%2e%2e/%2e%2e/%2E%2e/ingester/shutdown",
        "//flush",
        "/%2fflush",
        "/flush%2f",
        "/flush/",
        "/%66lush",
        "/flush%3f",
        "/flush#/loki/api/v1/labels",
        "/./flush",
        "/ingester%2Fshutdown",
        "/ingester/%73hutdown",
        "/ingester/shutdown/../../loki/api/v1/label/a",
        "/flush/%2e%2e/loki/api/v1/label/a/values",
        "/flush/..%2floki/api/v1/label/a/values",
        "http://127.0.0.1/flush",
        "/loki/api/v1/label/.",
    ],
)
def test_path_tricks_reach_nothing(closed: Site, path: str):
    """No spelling of a path brings a request past a closed route."""
    answer = closed.ask(path)

    assert answer.status in (403, 404)
    assert closed.seen() == []


OPEN_PATHS = (
    "/loki/api/v1/label",
    "/loki/api/v1/rules",
    "/api/prom/label",
    "/loki/api/v1/labels",
    "/nothing",
)
CLOSED_PATHS = ("/flush", "/ingester/shutdown", "/config", "/loki/api/v1/delete", "/log_level", "flush")
SLASHES = ("/", "%2f", "%2F", "//", "/%2f", "/x/")
DOTS = ("..", "%2e%2e", ".%2E", ".", "%2e", "%252e%252e")
REST = ("#", "?", ";", "%00", "%5c", "%", "%3f", "a", "/")


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """Draw a path that climbs about between open and closed ones."""
    climb, slash = draw(st.sampled_from(DOTS)), draw(st.sampled_from(SLASHES))
    slashes = "/" * draw(st.integers(0, 6))
    noise = "".join(draw(st.lists(st.sampled_from((*SLASHES, *DOTS, *REST)), max_size=3)))
    middle = draw(st.permutations((slashes, (slash + climb) * draw(st.integers(0, 6)), noise)))
    ends = [draw(st.sampled_from(OPEN_PATHS)), draw(st.sampled_from(CLOSED_PATHS))]
    first, last = draw(st.permutations(ends))
    return "/" + (first + "".join(middle) + last).lstrip("/")


def as_go_reads(raw: str) -> str:
    """Return the path that a Go router sees: decoded once, dots and slashes cleaned."""
    return posixpath.normpath("/" + unquote(raw.split("?", maxsplit=1)[0]).lstrip("/"))


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=spellings(), method=st.sampled_from(["GET", "POST"]))
def test_no_spelling_reaches_a_closed_route(closed: Site, path: str, method: str):
    """Whatever reaches a process is not, however it is read, the path of an admin route."""
    closed.forget()
    closed.ask(path, method)

    for _, seen in closed.seen():
        read = as_go_reads(seen.path)
        hit = [one.path for one in LOKI.routes if one.access is Access.ADMIN and leads_to(one, read)]
        assert hit == []


def leads_to(route: Route, path: str) -> bool:
    return path.startswith(route.path) if route.match is Match.PREFIX else path == route.path


@pytest.mark.parametrize(
    "path", ["//flush", "/%2fflush", "/%2Fflush", "///flush", "/a//../../flush", "/a/..//flush"]
)
def test_path_tricks_under_an_open_root(nginx: Path, tmp_path: Path, path: str):
    """Where every other path is open, as for a product's pages, the closed ones stay closed."""
    pages = Route(path="/", roles=("read",), match=Match.PREFIX)
    product = replace(LOKI, routes=(Route(path="/flush", roles=("write",), access=Access.ADMIN), pages))
    with running(nginx, tmp_path, Plan(product=product, units=UNITS)) as site:
        answer = site.ask(path)

        assert site.seen() == []
        assert site.ask("/a%2Fb/c").status == 200
    assert answer.status in (403, 404)


@pytest.mark.parametrize(
    "path",
    ["/loki/api/v1/label/a%2Fb/values", "/loki/api/v1/rules/a%2Fb/c%20d", "/loki/api/v1/rules/%2Fetc%2Fa"],
)
def test_encoded_slashes_survive(closed: Site, path: str):
    """A label or namespace with a slash in it arrives as the client spelled it."""
    closed.ask(path + "?q=a%2Fb&q=..//")

    assert [seen.path for _, seen in closed.seen()] == [path + "?q=a%2Fb&q=..//"]


def test_read_goes_to_the_next_unit(nginx: Path, tmp_path: Path):
    """While one of two units doesn't listen, every read is still answered."""
    with running(nginx, tmp_path, Plan(product=LOKI, units=UNITS, down=("read/0",))) as site:
        answers = {(answer.status, answer.json["unit"]) for answer in (site.ask(QUERY) for _ in range(6))}

    assert answers == {(200, "read/1")}


def test_write_goes_to_the_next_unit_while_unsent(nginx: Path, tmp_path: Path):
    """A write that could not be sent to a unit that is down is sent to the next."""
    with running(nginx, tmp_path, Plan(product=LOKI, units=UNITS, down=("write/0",))) as site:
        answers = {site.ask(PUSH, "POST", body=b"x" * 2_000_000).json["unit"] for _ in range(4)}

        assert {len(seen.body) for _, seen in site.seen()} == {2_000_000}
    assert answers == {"write/1"}


def test_write_is_never_sent_twice(nginx: Path, tmp_path: Path):
    """A write that a unit took and didn't answer is not sent to another; the client hears of it."""
    with running(nginx, tmp_path, Plan(product=LOKI, units=UNITS)) as site:
        for unit in site.units.values():
            unit.hangs_up = True

        answer = site.ask(PUSH, "POST", body=b"x")

        assert len(site.seen()) == 1
    assert (answer.status, answer.json) == (502, {"error": "no unit could answer", "status": 502})


def test_unit_that_cannot_answer_is_passed_over(nginx: Path, tmp_path: Path):
    """A read that one unit answers 503 is given to the next; a write is not."""
    with running(nginx, tmp_path, Plan(product=LOKI, units=UNITS)) as site:
        site.units["read/0"].status = site.units["write/0"].status = site.units["write/1"].status = 503

        reads = {site.ask(QUERY).status for _ in range(4)}
        write = site.ask(PUSH, "POST", body=b"x")

        assert [seen.method for unit, seen in site.seen() if unit.startswith("write")] == ["POST"]
    assert reads == {200}
    assert (write.status, write.json["status"]) == (503, 503)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 429, 500, 502, 503, 504])
def test_errors_of_the_product_pass(nginx: Path, tmp_path: Path, status: int):
    """An error that a process answers reaches the client with the process's own words."""
    with running(nginx, tmp_path, Plan(product=LOKI, units={"write": 1, "read": 1, "backend": 1})) as site:
        site.units["read/0"].status = status

        answer = site.ask(QUERY)

    assert (answer.status, answer.json) == (status, {"unit": "read/0", "status": status})


def test_no_unit_listens(nginx: Path, tmp_path: Path):
    """When no unit of the role can be reached the client is told so in JSON."""
    plan = Plan(product=LOKI, units=UNITS, down=("read/0", "read/1"))
    with running(nginx, tmp_path, plan) as site:
        answer = site.ask(QUERY)

    assert (answer.status, answer.json["error"]) == (502, "no unit could answer")


def test_slow_unit(nginx: Path, tmp_path: Path):
    """A unit that takes a request and doesn't answer in time gives a 504 in JSON."""
    product = replace(LOKI, query_timeout_s=-14)
    plan = Plan(product=product, units={"write": 1, "backend": 1, "read": 1}, down=("read/0",))
    with running(nginx, tmp_path, plan) as site:
        unit = site.units["read/0"]
        unit.start()
        assert unit.server
        # The kernel goes on to accept connections for it; nobody answers them.
        unit.server.shutdown()

        answer = site.ask(QUERY)

    assert (answer.status, answer.json["error"]) == (504, "no unit answered in time")


def test_request_may_be_as_large_as_the_product_takes(nginx: Path, tmp_path: Path):
    """A body up to the product's limit passes; a larger one is refused with the limit."""
    product = replace(LOKI, max_body="2k")
    with running(nginx, tmp_path, Plan(product=product, units=UNITS)) as site:
        assert site.ask(PUSH, "POST", body=b"x" * 2048).status == 200
        answer = site.ask(PUSH, "POST", body=b"x" * 2049)

        assert len(site.seen()) == 1
    assert (answer.status, answer.json["error"]) == (413, "the request is larger than 2k")


def test_upgrade_is_for_websockets_only(closed: Site):
    """Neither another protocol nor another path gets its connection upgraded."""
    h2c = {"Upgrade": "h2c", "Connection": "Upgrade, HTTP2-Settings", "HTTP2-Settings": "AAMAAABkAARAAAAA"}
    websocket = {"Upgrade": "websocket", "Connection": "Upgrade"}

    closed.ask("/loki/api/v1/tail", headers=h2c)
    closed.ask(QUERY, headers=websocket)

    assert [name for _, seen in closed.seen() for name in seen.headers if name == "upgrade"] == []


def test_tail_is_a_websocket(nginx: Path, tmp_path: Path):
    """A tail's messages pass both ways, with the tenant that the gateway names."""
    port, inner = free_port(), free_port()
    product = replace(LOKI, ports=(Port(name="http", number=inner),))
    servers = {"read": (Server(unit="read/0", address="127.77.9.1"),)}
    gateway = build(
        product, LOKI.lines[0], servers=servers, deployed=frozenset(), options=Options(ports={"http": port})
    )

    def echo(connection: ServerConnection) -> None:
        request = connection.request
        tenant = request.headers["X-Scope-OrgID"] if request else ""
        for message in connection:
            connection.send(f"{tenant} {message}")

    with serve(echo, "127.77.9.1", inner) as server, serving(nginx, tmp_path, gateway):
        in_background(server.serve_forever)
        address = f"ws://127.0.0.1:{port}/loki/api/v1/tail?query=a"
        with connect(address, additional_headers={"X-Scope-OrgID": "other"}) as client:
            client.send("hello")

            assert client.recv(timeout=10) == "fake hello"


def in_background(run: Callable[[], None]) -> None:
    threading.Thread(target=run, daemon=True).start()


def test_tls(nginx: Path, tmp_path: Path):
    """With a certificate the gateway serves TLS, and says so to who comes without."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    options = Options(certificate=str(tmp_path / "cert.pem"), key=str(tmp_path / "key.pem"))

    with running(nginx, tmp_path, Plan(product=LOKI, units=UNITS, options=options, tls=context)) as site:
        assert site.ask(QUERY).status == 200
        assert site.seen()[0][1].headers["x-forwarded-proto"] == "https"
        answer = dataclasses.replace(site, tls=None).ask(QUERY)

    assert (answer.status, answer.json["error"]) == (400, "this port speaks TLS only")


GRPC = replace(
    LOKI,
    listeners=(Listener(name="http", number=80), Listener(name="otlp", number=4317, grpc=True)),
    routes=(
        Route(
            path="/otlp.Traces/",
            roles=("write",),
            match=Match.PREFIX,
            protocol=Protocol.GRPC,
            listener="otlp",
        ),
        Route(path="/wipe", roles=("write",), access=Access.ADMIN, protocol=Protocol.GRPC, listener="otlp"),
    ),
)
ECHO = """
daemon off; pid {folder}/echo.pid; events {{}}
http {{
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s; access_log off;
    server {{
        listen {address} http2;
        location / {{ return 200 '$server_protocol $request_uri $http_x_scope_orgid [$http_authorization]'; }}
    }}
}}
"""


@pytest.fixture
def curl() -> str:
    found = shutil.which("curl")
    said = subprocess.run([found, "-V"], capture_output=True, text=True, check=True).stdout if found else ""
    if not found or "HTTP2" not in said:
        pytest.skip("no curl that speaks HTTP/2")
    return found


def test_grpc_passes_as_http2(nginx: Path, tmp_path: Path, curl: str):
    """A gRPC listener takes HTTP/2 without TLS and passes it on as such, with our tenant."""
    main, otlp, inner = free_port(), free_port(), free_port()
    product = replace(GRPC, ports=(Port(name="http", number=inner),))
    servers = {"write": (Server(unit="write/0", address="127.0.0.1"),)}
    options = Options(ports={"http": main, "otlp": otlp})
    gateway = build(product, LOKI.lines[0], servers=servers, deployed=frozenset(), options=options)

    def ask(path: str) -> str:
        command = [curl, "-sS", "--http2-prior-knowledge", "--path-as-is", "-X", "POST", "-m", "10"]
        command += ["-H", "X-Scope-OrgID: other", "-H", "Authorization: Basic eDp5", "-w", " %{http_code}"]
        url = f"http://127.0.0.1:{otlp}{path}"
        return subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout

    (echo := tmp_path / "echo").mkdir()
    text = ECHO.format(folder=echo, address=f"127.0.0.1:{inner}")
    with started(nginx, echo, text, inner), serving(nginx, tmp_path, gateway):
        assert ask("/otlp.Traces/Export") == "HTTP/2.0 /otlp.Traces/Export fake [] 200"
        assert ask("/wipe").endswith("403")
        assert ask("/otlp.Traces/../wipe").endswith("403")
        assert ask("/otlp.Traces/x/../../wipe/../otlp.Traces/y").endswith("404")
        assert ask("/other").endswith("404")
