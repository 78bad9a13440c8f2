"""Routes and a cluster make a gateway."""

from __future__ import annotations

import pytest
from gateway_samples import DEMO, LINE, READY, a_gateway, units
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rolecall.core.gateway import Gateway, Location, Options, Refusal, Server, Upstream, build
from rolecall.core.product import Product
from rolecall.core.products.loki import LOKI
from rolecall.core.routes import Match, Route

ADMIN = Options(admin=True, admin_file="/etc/admin")
RECEIVERS = Options(listeners=("otlp", "zipkin"))


def location(gateway: Gateway, path: str, endpoint: int = 0) -> Location:
    return next(one for one in gateway.endpoints[endpoint].locations if one.path == path)


def refusal(gateway: Gateway, path: str) -> Refusal:
    target = location(gateway, path).target
    assert isinstance(target, Refusal)
    return target


def upstream(gateway: Gateway, name: str) -> Upstream:
    return next(one for one in gateway.upstreams if one.name == name)


def addresses(servers: tuple[Server, ...]) -> list[str]:
    return [server.unit for server in servers]


def test_first_role_with_a_server_is_asked():
    """A route goes to its preferred role while that has a server, and else to the next one that has."""
    whole = a_gateway()
    without = a_gateway({**READY, "front": ()}, deployed=frozenset({"front"}))

    assert location(whole, "/query").target == "front-http"
    assert location(without, "/query").target == "deep-http"


def test_deployed_role_without_server_is_named():
    """A role that is deployed but has no ready unit gives a 503 that names it."""
    gateway = a_gateway({"store": units("store")}, deployed=frozenset({"deep"}))

    answer = refusal(gateway, "/query")

    assert (answer.status, answer.code) == (503, "role-not-ready")
    assert answer.text == 'no ready unit runs "deep"'
    assert answer.facts == (("role", "deep"),)


def test_absent_role_is_named():
    """A role that no worker runs gives a 503 that says so."""
    answer = refusal(a_gateway(), "/extra")

    assert (answer.status, answer.code) == (503, "role-not-deployed")
    assert answer.text == 'the role "extra" is not deployed'


def test_only_used_upstreams_exist():
    """An upstream exists only when a location of an open listener uses it."""
    closed = {one.name for one in a_gateway().upstreams}
    opened = {one.name for one in a_gateway(options=RECEIVERS).upstreams}

    assert closed == {"any-http", "deep-http", "deep-peer-http", "front-grpc-h2", "front-http", "store-http"}
    assert opened - closed == {"store-otlp-h2", "store-zipkin"}


def test_every_process_means_one_unit_and_stand_ins():
    """A route of every process goes to the first unit of all, and to two others when it is away."""
    any_unit = upstream(a_gateway(), "any-http")

    assert addresses(any_unit.servers) == ["deep/0"]
    assert addresses(any_unit.backups) == ["deep/1", "front/0"]


def test_no_unit_at_all():
    """Without any unit the routes of every process say so."""
    assert refusal(a_gateway({}), "/status").code == "no-unit-ready"
    assert a_gateway({}).upstreams == ()


def test_chosen_peer_comes_first():
    """A peer's route goes to the chosen unit, with the others as backup."""
    chosen = upstream(a_gateway(options=Options(peers={"deep": "deep/1"})), "deep-peer-http")

    assert addresses(chosen.servers) == ["deep/1"]
    assert addresses(chosen.backups) == ["deep/0"]


@pytest.mark.parametrize("peers", [{}, {"deep": "deep/9"}, {"front": "deep/1"}])
def test_peer_that_is_away_leaves_the_others(peers: dict[str, str]):
    """Without the chosen unit all others share its route."""
    shared = upstream(a_gateway(options=Options(peers=peers)), "deep-peer-http")

    assert addresses(shared.servers) == ["deep/0", "deep/1"]
    assert shared.backups == ()


def test_admin_is_closed_unless_opened():
    """An admin route is refused with the setting that opens it, and asks for credentials once open."""
    closed = refusal(a_gateway(), "/wipe")
    opened = location(a_gateway(options=ADMIN), "/wipe")

    assert (closed.status, dict(closed.facts)) == (403, {"setting": "admin: true"})
    assert (opened.target, opened.credentials) == ("store-http", True)


def test_admin_needs_a_file():
    """Opening the admin routes without a file of credentials is refused, not done without."""
    with pytest.raises(ValueError, match="htpasswd"):
        Options(admin=True)


def test_tls_needs_both_files():
    """A certificate without its key, or a key without its certificate, is refused."""
    with pytest.raises(ValueError, match="go together"):
        Options(certificate="/etc/cert")


def test_head_goes_where_get_goes():
    """HEAD is let through wherever GET is, and nowhere else."""
    gateway = a_gateway()

    assert location(gateway, "/query").methods == ("GET", "HEAD", "POST")
    assert location(gateway, "/push").methods == ("POST",)
    assert location(gateway, "/status").methods == ()


def test_listeners_of_receivers_wait_for_their_switch():
    """A receiver's listener is open only when it is switched on; the main one always is and comes first."""
    assert [one.name for one in a_gateway().endpoints] == ["http"]
    assert [one.name for one in a_gateway(options=RECEIVERS).endpoints] == ["http", "otlp", "zipkin"]


def test_ports_can_be_moved():
    """A listener's port can be given; the process's own port stays the product's."""
    gateway = a_gateway(options=replace(RECEIVERS, ports={"otlp": 14317}))

    assert [one.port for one in gateway.endpoints] == [80, 14317, 9411]
    assert upstream(gateway, "store-otlp-h2").port == 4317


def test_bare_folder_is_unlisted():
    """The name of a folder without its slash is answered as unlisted, unless something else matches it."""
    gateway = a_gateway(options=RECEIVERS)
    loki = build(LOKI, LOKI.lines[0], servers=READY, deployed=frozenset(), options=Options())

    assert refusal(loki, "/ingester").status == 404
    assert not [one for one in gateway.endpoints[2].locations if one.path == ""]
    assert len([one for one in loki.endpoints[0].locations if one.path == "/loki/api/v1/label"]) == 1


def test_first_of_two_equal_paths_holds():
    """Of two routes with the same path the first one in the table holds."""
    twice: Product = replace(
        DEMO, routes=(Route(path="/a", roles=("store",)), Route(path="/a", roles=("front",)))
    )

    gateway = build(twice, LINE, servers=READY, deployed=frozenset(), options=Options())

    assert [one.target for one in gateway.endpoints[0].locations] == ["store-http"]


def test_missing_roles_are_the_required_ones_without_server():
    """The cluster lacks each required role that no unit can serve now, and no optional one."""
    gateway = a_gateway({"deep": units("deep"), "front": ()}, deployed=frozenset({"front"}))

    assert gateway.missing == ("front", "store")
    assert a_gateway().missing == ()


def test_tenant_is_ours_unless_there_are_many():
    """The gateway names the tenant, except where the clients do."""
    assert a_gateway().tenant == "one"
    assert a_gateway(options=Options(multi_tenant=True)).tenant == ""


def test_rewrite_that_nginx_cannot_do_is_refused():
    """A pattern can't be rewritten, and the table that tries so is told at once."""
    with pytest.raises(ValueError, match="cannot rewrite"):
        Location(path="/a.*", match=Match.REGEX, target="any-http", rewrite="/b")


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, tuple[Server, ...]]:
    """Draw which units serve which role."""
    roles = draw(st.lists(st.sampled_from(["front", "deep", "store", "extra"]), unique=True))
    pool = [Server(unit=f"w/{n}", address=f"127.1.0.{n + 1}") for n in range(12)]
    return {role: tuple(draw(st.lists(st.sampled_from(pool), unique=True, max_size=6))) for role in roles}


@given(data=st.data(), servers=clusters())
def test_order_of_the_input_does_not_matter(data: st.DataObject, servers: dict[str, tuple[Server, ...]]):
    """G2: the same units in any order give the same gateway."""
    peers = {"deep": "w/3", "front": "w/1", "store": "w/2"}
    roles = data.draw(st.permutations(sorted(servers)))
    shuffled = {role: tuple(data.draw(st.permutations(servers[role]))) for role in roles}
    mixed = {role: peers[role] for role in data.draw(st.permutations(sorted(peers)))}

    one = a_gateway(servers, deployed=frozenset(servers), options=replace(RECEIVERS, peers=peers))
    two = a_gateway(shuffled, deployed=frozenset(roles), options=replace(RECEIVERS, peers=mixed))

    assert one == two


@given(servers=clusters(), admin=st.booleans())
def test_every_target_exists(servers: dict[str, tuple[Server, ...]], admin: bool):
    """Every location leads to an upstream with a server or is refused, and no upstream is left over."""
    options = replace(ADMIN if admin else Options(), listeners=("otlp", "zipkin"))
    gateway = a_gateway(servers, options=options)

    targets = {one.target for endpoint in gateway.endpoints for one in endpoint.locations}

    assert {one for one in targets if isinstance(one, str)} == {one.name for one in gateway.upstreams}
    assert all(one.servers for one in gateway.upstreams)
