"""rolecall.yaml: what is read from it, what is refused and in which words, and how it is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rolecall.core.model import S3, Directory, Group
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS
from rolecall.local import rehearsal
from rolecall.local.file import topology
from rolecall.local.file.topology_text import Preset

CASES = Path(__file__).parent / "cases"
FOLDER = Path("/demo")
Handler = Callable[[str, str], str]
Golden = Callable[[Path, Mapping[str, Handler]], None]


ONE = {"loki": PRODUCTS["loki"]}
"""A new product must not change what is said of an old one."""


def parse(
    text: str,
    *,
    need_secrets: bool = False,
    folder: Path = FOLDER,
    products: Mapping[str, Product] = ONE,
) -> topology.Parsed:
    return topology.parse(
        text,
        source="rolecall.yaml",
        products=products,
        environment={"SET": "a-key"},
        folder=folder,
        need_secrets=need_secrets,
    )


def judged(text: str, *, need_secrets: bool) -> str:
    """Return everything that a person is told of a file."""
    parsed = parse(text, need_secrets=need_secrets)
    lines = [f"{problem.code}: {problem}" for problem in parsed.problems]
    for cluster in parsed.clusters:
        problems = rehearsal.judge(cluster).problems
        lines.extend(f"{cluster.name}: {problem.code}: {problem}" for problem in problems)
        if not problems:
            groups = " ".join(f"{g.name}={g.units}x{'+'.join(g.roles)}" for g in cluster.groups)
            ports = " ".join(f"{name}:{port}" for name, port in cluster.gateway_ports.items())
            lines.append(
                f"{cluster.name}: coherent, {groups}, {cluster.gateway_address} {ports}, {cluster.store}"
            )
    return "\n".join(lines)


HANDLERS: Mapping[str, Handler] = {
    "judge": lambda _, text: judged(text, need_secrets=False),
    "up": lambda _, text: judged(text, need_secrets=True),
}


@pytest.mark.parametrize("path", sorted(CASES.rglob("*.case")), ids=lambda path: path.stem)
def test_cases(path: Path, golden: Golden):
    """Every file is read, or refused in exactly these words."""
    golden(path, HANDLERS)


def test_no_key_is_told():
    """A key in plain text is in no problem, whatever is wrong around it."""
    text = "clusters: {a: {product: loki, object-store: {s3: {secret-key: hunter2, access-key: [hunter2]}}}}"

    assert "hunter2" not in str(parse(text))


def test_syntax_error_hides_the_line():
    """What the parser could not read may be a key, so it isn't quoted."""
    text = "clusters: {a: {secret-key: hunter2: }"

    assert "hunter2" not in str(parse(text).problems)


def test_values():
    """A file becomes the values that it says, paths beginning at its folder."""
    (cluster,) = parse(
        """
        clusters:
          logs:
            product: loki
            workers: {one: {roles: [write, read], units: 3}, two: {roles: [backend]}}
            settings: {retention: 2d}
            object-store: {directory: data}
            gateway: {address: 127.0.0.2, port: 3200}
        """
    ).clusters

    assert cluster.groups == (
        Group(name="one", roles=("write", "read"), units=3),
        Group(name="two", roles=("backend",), units=1),
    )
    assert cluster.settings.seconds("retention") == 2 * 86400
    assert cluster.store == Directory(path=str(FOLDER / "data"))
    assert (cluster.gateway_address, cluster.gateway_ports) == ("127.0.0.2", {"http": 3200})
    assert cluster.credentials is None


def test_keys_from_variable_and_file(tmp_path: Path):
    """Keys come from the variable and the file that are named, and are masked."""
    (tmp_path / "secret").write_text("b-key\n")
    text = """
        clusters:
          logs:
            product: loki
            object-store:
              s3: {endpoint: "http://s3:9000/", bucket: b, access-key: {env: SET}, secret-key: {file: secret}}
        """

    parsed = parse(text, need_secrets=True, folder=tmp_path)

    assert parsed.problems == ()
    (cluster,) = parsed.clusters
    assert cluster.credentials is not None
    assert cluster.credentials.access_key.reveal() == "a-key"
    assert cluster.credentials.secret_key.reveal() == "b-key"
    assert cluster.store == S3(endpoint="http://s3:9000", bucket="b")
    assert "a-key" not in str(cluster)


@given(st.text(max_size=200))
def test_any_text(text: str):
    """Whatever the text, there is an answer, and a problem when there is no cluster (G9)."""
    parsed = parse(text)

    assert parsed.clusters or parsed.problems


_WORDS = st.sampled_from(
    [
        "clusters",
        "logs",
        "product",
        "loki",
        "workers",
        "roles",
        "all",
        "units",
        "settings",
        "s3",
        "gateway",
        "port",
        "env",
    ]
)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)


@given(_TREES)
def test_any_tree(tree: object):
    """Whatever the shape of a cluster, there is an answer, and every problem has a place and a remedy."""
    parsed = parse(yaml.safe_dump({"clusters": {"logs": tree}}))

    assert parsed.clusters or parsed.problems
    for problem in parsed.problems:
        assert problem.remedy
        assert "rolecall.yaml:" in problem.text


@pytest.mark.parametrize("product", PRODUCTS.values(), ids=lambda product: product.name)
@pytest.mark.parametrize("preset", get_args(Preset))
def test_presets_are_coherent(product: Product, preset: Preset):
    """Every preset of every product is read without a problem, and coherent."""
    parsed = parse(topology.preset(product, preset), products=PRODUCTS)

    assert parsed.problems == ()
    assert rehearsal.judge(parsed.clusters[0]).problems == ()


EDITED = """\
# Ours. Ü
clusters:
  logs:   # the big one
    product: loki
    workers:
      write: {roles: [write], units: 3}   # three copies
      read:
        # as many as there are queries
        roles: [read]
      'backend': {roles: [backend],}
  more:
    product: loki
    gateway: {port: 3101}
"""


def test_units_are_changed_in_place():
    """Only the numbers of units change; comments, quotes and layout stay."""
    text = topology.with_units(EDITED, "logs", {"write": 12, "read": 4, "backend": 0})

    assert text == EDITED.replace("units: 3", "units: 12").replace(
        "        roles: [read]", "        units: 4\n        roles: [read]"
    ).replace("{roles: [backend],}", "{units: 0, roles: [backend],}")


def test_a_word_is_written_where_it_belongs():
    """A place that isn't there yet is made, one that is keeps its neighbours, and comments stay."""
    text = topology.with_value("\ufeff" + EDITED, "more", ("settings", "line"), "3.7")
    text = topology.with_value(text, "more", ("version",), "3.7.7")
    text = topology.with_value(text, "more", ("settings", "line"), "3.8")

    assert text == "\ufeff" + EDITED.replace(
        "  more:\n    product",
        '  more:\n    version: "3.7.7"\n    settings: {line: "3.8"}\n    product',
    )
    with pytest.raises(ValueError, match=r"clusters\.other"):
        topology.with_value(EDITED, "other", ("version",), "3.7.7")


def test_units_of_the_implied_worker():
    """A cluster without workers has one, `solo`, which is written out when its units change."""
    text = topology.with_units(EDITED, "more", {"solo": 3})

    assert text == EDITED.replace(
        "  more:\n    product", "  more:\n    workers: {solo: {roles: [all], units: 3}}\n    product"
    )


@pytest.mark.parametrize(("start", "newline"), [("\ufeff", "\n"), ("", "\r\n"), ("\ufeff", "\r\n")])
def test_units_in_files_of_other_systems(start: str, newline: str):
    """A byte order mark and other line ends stay, and don't lead the edit to the wrong place."""
    text = start + EDITED.replace("\n", newline)

    assert topology.with_units(text, "logs", {"write": 12}) == text.replace("units: 3", "units: 12")


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@pytest.mark.parametrize("text", [BOMB, "clusters: " + "[" * 5000 + "]" * 5000, "a: \x00"])
def test_hostile_file(text: str):
    """A file that would take all memory or stack is refused at once."""
    (problem,) = parse(text).problems

    assert problem.code == "bad-yaml"


def test_units_unchanged():
    """Writing the units that are there changes nothing."""
    assert topology.with_units(EDITED, "logs", {"write": 3}) == EDITED


SHARED = """\
clusters:
  logs:
    product: loki
    workers:
      one: &one {roles: [all], units: 1}
      two: *one
      three: {<<: *one}
"""


def test_shared_units_are_not_changed():
    """Units that are written once for two workers are refused; merged ones get their own."""
    with pytest.raises(ValueError, match=r"cannot change clusters\.logs\.workers\.two: other values share"):
        topology.with_units(SHARED, "logs", {"two": 2})

    assert "three: {units: 2, <<: *one}" in topology.with_units(SHARED, "logs", {"three": 2})


def test_unknown_worker_is_named():
    """A worker that isn't there is refused with those that are."""
    with pytest.raises(ValueError, match=r"no such worker; the workers are write, read, backend"):
        topology.with_units(EDITED, "logs", {"wrote": 2})


@pytest.mark.parametrize("cluster", ["none", "more"])
def test_no_workers_to_change(cluster: str):
    """A cluster or workers that aren't there are refused."""
    with pytest.raises(ValueError, match="cannot change clusters"):
        topology.with_units(EDITED, cluster, {"write": 2})
