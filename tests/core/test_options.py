"""What an administrator's options mean: names, defaults, the way to settings and back."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rolecall.core import option_values, options, settings
from rolecall.core.charm import OptionKind
from rolecall.core.product import Product
from rolecall.core.products import PRODUCTS

every_product = pytest.mark.parametrize("product", PRODUCTS.values(), ids=PRODUCTS)


def read(product: str, **values: object) -> settings.Parsed:
    return options.read(PRODUCTS[product], {name.replace("__", "-"): one for name, one in values.items()})


@every_product
def test_defaults_can_be_used(product: Product):
    """A charm that nobody has configured has no problem."""
    assert options.read(product, {}).problems == ()


@every_product
def test_each_setting_is_one_option(product: Product):
    """Nothing that can be set is out of reach, and nothing can be set in two ways."""
    whole = [option.setting for option in options.coordinator_options(product) if option.express]
    receivers = [name for name in whole if name == "receivers"]

    assert set(whole) == {setting.name for setting in settings.table(product)}
    assert len(whole) - len(receivers) == len(set(whole) - {"receivers"})


@every_product
def test_names_are_used_once(product: Product):
    for found in (options.coordinator_options(product), options.worker_options(product)):
        names = [option.name for option in found]

        assert sorted(names) == sorted(set(names))


@every_product
def test_defaults_have_the_type_they_say(product: Product):
    types = {OptionKind.BOOLEAN: bool, OptionKind.INT: int, OptionKind.FLOAT: float, OptionKind.STRING: str}
    for option in (*options.coordinator_options(product), *options.worker_options(product)):
        assert type(option.default) is types[option.kind], option.name


@every_product
def test_what_an_option_says_of_a_whole_setting_can_be_said_back(product: Product):
    """From the default to the setting and back nothing is lost."""
    parsed = options.read(product, {}).settings
    for option in options.coordinator_options(product):
        if option.express and not settings_are_combined(product, option.setting):
            said = option.express(parsed.values[option.setting])

            assert said in (option.default, None), option.name


def settings_are_combined(product: Product, name: str) -> bool:
    """Whether other options add to that setting."""
    prefix = f"{name}."
    return any(
        one.setting == name or one.setting.startswith(prefix)
        for one in options.coordinator_options(product)
        if one.express is None
    )


@pytest.mark.parametrize(
    ("product", "name", "value", "seconds"),
    [
        ("loki", "retention-period", 0, 0),
        ("loki", "retention-period", 48, 48 * 86400),
        ("tempo", "retention-period", 0, 0),
        ("tempo", "retention-period", 36, 36 * 3600),
        ("mimir", "metrics_retention_period", "0", 0),
        ("mimir", "metrics_retention_period", "1y", 365 * 86400),
        ("pyroscope", "retention_period", "1d12h", 36 * 3600),
    ],
)
def test_retention_is_said_in_the_units_of_the_product(product: str, name: str, value: object, seconds: int):
    parsed = options.read(PRODUCTS[product], {name: value})

    assert parsed.problems == ()
    assert parsed.settings.seconds("retention") == seconds


@pytest.mark.parametrize(
    ("product", "name", "default"),
    [
        ("loki", "ingestion-rate-mb", 4),
        ("loki", "ingestion-burst-size-mb", 15),
        ("loki", "max-global-streams-per-user", 5000),
        ("loki", "retention-period", 15),
        ("mimir", "metrics_retention_period", "0"),
        ("tempo", "retention-period", 720),
        ("tempo", "always_enable_zipkin", False),
        ("tempo", "always_enable_otlp_grpc", False),
        ("tempo", "always_enable_otlp_http", False),
        ("tempo", "always_enable_jaeger_grpc", False),
        ("tempo", "always_enable_jaeger_thrift_http", False),
        ("pyroscope", "retention_period", "1d"),
        ("pyroscope", "deletion_delay", "12h"),
    ],
)
def test_options_that_were_known_before_keep_name_and_default(product: str, name: str, default: object):
    found = {option.name: option.default for option in options.coordinator_options(PRODUCTS[product])}

    assert found[name] == default


def test_one_rate_is_that_of_a_tenant_and_of_a_stream():
    limits = read("loki", ingestion__rate__mb=7).settings.tree("limits")

    assert limits["ingestion_rate_mb"] == 7
    assert limits["per_stream_rate_limit"] == "7MB"


def test_fewer_streams_than_none_is_no_limit():
    limits = read("loki", max__global__streams__per__user=-3).settings.tree("limits")

    assert limits["max_global_streams_per_user"] == 0


def test_limits_written_out_win_over_an_option_for_one_of_them():
    limits = read("loki", limits="ingestion_rate_mb: 9\nmax_line_size: 1MB").settings.tree("limits")

    assert limits["ingestion_rate_mb"] == 9
    assert limits["max_line_size"] == "1MB"
    assert limits["ingestion_burst_size_mb"] == 15


@pytest.mark.parametrize(("value", "kept"), [(-1, 0), (0, 0), (5, 100000), (200000, 200000)])
def test_exemplars_are_none_or_enough(value: int, kept: int):
    limits = read("mimir", max_global_exemplars_per_user=value).settings.tree("limits")

    assert limits["max_global_exemplars_per_user"] == kept


def test_receivers_add_up():
    parsed = read(
        "tempo", always_enable_zipkin=True, always_enable_jaeger_grpc=True, always_enable_otlp_http=True
    )

    assert parsed.settings.listed("receivers") == ("zipkin", "jaeger-grpc")


def test_an_empty_list_is_none_at_all():
    assert read("tempo", metrics__processors="").settings.listed("metrics-processors") == ()


def test_a_plain_config_key_goes_to_its_place_and_can_be_overridden():
    overrides = read("pyroscope", deletion_delay="0", config__overrides="compactor: {deletion_delay: 1h}")

    assert overrides.settings.tree("config-overrides") == {
        "compactor": {"deletion_delay": "1h", "cleanup_interval": "15s"}
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [("0", "0s"), ("12h", "43200s"), ("1d12h", "129600s"), ("1500ms", "1500ms"), ("2s500ms", "2500ms")],
)
def test_days_are_said_to_a_product_that_knows_none(written: str, meant: str):
    assert option_values.go_span(written) == meant


@pytest.mark.parametrize("written", ["", "1", "12 h", "h", "1.5h", "1h!"])
def test_what_is_no_duration_is_refused(written: str):
    for way in (option_values.go_span, option_values.span):
        with pytest.raises(ValueError, match="it is not a duration"):
            way(written)


def test_every_problem_is_told_at_once_and_names_its_option():
    parsed = read(
        "loki",
        retention__period=-1,
        replication__factor="many",
        log__level="loud",
        limits="- 1",
        tenant__limits="{",
        config__overrides="auth_enabled: true",
        line="9.9",
        alertmanager__url="nowhere",
    )

    assert sorted(str(problem).partition(" ")[2].partition(":")[0] for problem in parsed.problems) == [
        "use option alertmanager-url",
        "use option config-overrides.auth_enabled",
        "use option limits",
        "use option line",
        "use option log-level",
        "use option replication-factor",
        "use option retention-period",
        "use option tenant-limits",
    ]
    assert all(problem.remedy for problem in parsed.problems)


def test_a_refused_option_counts_as_its_default():
    """Not as the setting's: that one may delete what the charm's default keeps."""
    parsed = read("mimir", metrics_retention_period="1week")

    assert [str(problem) for problem in parsed.problems] == [
        "cannot use option metrics_retention_period: '1week': it is not a duration; "
        "write a number and s, m, h, d, w or y, such as 15d, or 0"
    ]
    assert parsed.settings.seconds("retention") == 0


def test_a_product_without_names_of_its_own_has_every_setting_by_its_name():
    bare = Product(
        name="bare",
        title="Bare",
        lines=PRODUCTS["loki"].lines,
        binary=PRODUCTS["loki"].binary,
        ports=(),
        listeners=(),
        routes=(),
        check=PRODUCTS["loki"].check,
        replicated="write",
    )
    found = {option.name: option for option in options.coordinator_options(bare)}

    assert found["retention"].default == "15d"
    assert options.read(bare, {"retention": "36h"}).settings.seconds("retention") == 36 * 3600


@every_product
def test_a_worker_has_an_option_for_each_role_of_any_line_and_all_are_off(product: Product):
    names = {name for line in product.lines for name in line.names}
    found = options.worker_options(product)

    assert {option.name for option in found} == {f"role-{name}" for name in names}
    assert not any(option.default for option in found)
    assert options.roles_of(product, {option.name: option.default for option in found}) == ()


def test_roles_come_in_the_order_of_the_product():
    values = {"role-read": True, "role-write": True, "role-backend": False, "role-none": True}

    assert options.roles_of(PRODUCTS["loki"], values) == ("write", "read")


@given(seconds=st.integers(min_value=0, max_value=10**9))
def test_a_span_says_the_same_number_of_seconds(seconds: int):
    said = option_values.as_span(seconds)

    assert (
        options.read(PRODUCTS["mimir"], {"metrics_retention_period": said}).settings.seconds("retention")
        == seconds
    )


@given(
    tree=st.dictionaries(
        st.text("abc$:# -", min_size=1),
        st.one_of(st.integers(), st.booleans(), st.text("ab\n:#'\" ")),
        max_size=4,
    )
)
def test_a_tree_is_the_same_after_it_was_text(tree: dict[str, object]):
    assert (option_values.tree(option_values.as_yaml(tree)) or {}) == tree
    assert yaml.safe_load(str(option_values.as_yaml(tree)) or "{}") == tree


@pytest.mark.parametrize(
    ("express", "seconds"), [(option_values.in_days, 3600), (option_values.in_hours, 60)]
)
def test_what_an_option_cannot_say_is_refused(express: option_values.Convert, seconds: int):
    with pytest.raises(ValueError, match="counts whole"):
        express(seconds)
