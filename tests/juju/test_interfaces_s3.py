"""The `s3` relation: both versions, both spellings of the version, and whatever a provider may say."""

from __future__ import annotations

import json

import ops
import pytest
from hypothesis import given
from hypothesis import strategies as st
from object_storage import S3Provider
from ops import testing

from rolecall.core.model import Severity
from rolecall.core.payloads.s3 import Store
from rolecall.juju.interfaces.s3 import Bucket

_META = {"name": "loki", "requires": {"s3": {"interface": "s3", "limit": 1}}}
_PLAIN = {"endpoint": "http://s3:9000", "bucket": "data", "access-key": "12345", "secret-key": "0x1"}
_ASKED = {"bucket": "prod-loki", "requested-secrets": '["access-key", "secret-key"]', "version": "1"}


class Requirer(ops.CharmBase):
    """A charm that reads its bucket at every event, once the library has had its turn."""

    seen: Store = Store()

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        self.bucket = Bucket(self, "s3")
        events = self.on["s3"]
        for event in (self.on.update_status, events.relation_changed, events.relation_broken):
            framework.observe(event, self._on_event)

    def _on_event(self, _: ops.EventBase) -> None:
        self.bucket.ask()
        Requirer.seen = self.bucket.read()


class Provider(ops.CharmBase):
    """A charm that provides a bucket by the same library."""

    def __init__(self, framework: ops.Framework) -> None:
        super().__init__(framework)
        provider = S3Provider(self, "s3")
        framework.observe(self.on.update_status, self._on_event)
        self._provider = provider

    def _on_event(self, _: ops.EventBase) -> None:
        for relation in self.model.relations["s3"]:
            self._provider.update_relation_data(relation.id, _PLAIN)  # pyright: ignore[reportUnknownMemberType]


def _run(
    relation: testing.Relation, *, event: str, leader: bool = True, secrets: tuple[testing.Secret, ...] = ()
):
    Requirer.seen = Store()
    context = testing.Context(Requirer, meta=_META)
    state = testing.State(
        leader=leader, relations={relation}, secrets=secrets, model=testing.Model(name="prod")
    )
    happened = (
        context.on.update_status()
        if event == "update-status"
        else context.on.relation_changed(relation, remote_unit=0)
    )
    return context.run(happened, state).get_relation(relation.id)


def _provided() -> tuple[dict[str, str], testing.Secret]:
    """Return what a provider by the library says, and the secret that it grants."""
    meta = {"name": "s3-integrator", "provides": {"s3": {"interface": "s3"}}}
    context = testing.Context(Provider, meta=meta)
    relation = testing.Relation("s3", remote_app_data=_ASKED)

    with pytest.warns(DeprecationWarning, match="from_environ"):
        out = context.run(context.on.update_status(), testing.State(leader=True, relations={relation}))

    (secret,) = out.secrets
    assert out.get_relation(relation.id).local_app_data.keys().isdisjoint({"version", "secret-key"})
    content = secret.latest_content or {}
    granted = testing.Secret(content, id=secret.id, owner=None)
    return dict(out.get_relation(relation.id).local_app_data), granted


@pytest.mark.parametrize("event", ["update-status", "changed"])
@pytest.mark.parametrize("spelling", ["version", "lib-version"])
@pytest.mark.parametrize("leader", [True, False])
def test_what_the_library_provides_is_read(event: str, spelling: str, leader: bool) -> None:
    """Version 1, in the library's spelling of it and in the schema's; keys come as a secret.

    An access key of digits alone is text all the same.
    """
    said, secret = _provided()
    relation = testing.Relation("s3", remote_app_data={**said, spelling: "1"})

    out = _run(relation, event=event, leader=leader, secrets=(secret,))

    store = Requirer.seen
    assert store.problems == ()
    assert store.s3 is not None
    assert (store.s3.endpoint, store.s3.bucket) == ("http://s3:9000", "data")
    assert store.credentials is not None
    assert store.credentials.access_key.reveal() == "12345"
    assert out.local_app_data.get("bucket", "") == ("prod-loki" if leader else "")


@pytest.mark.parametrize("leader", [True, False])
def test_a_provider_of_version_0_is_read(leader: bool) -> None:
    """Everything is plain in the application's bag; nobody but its provider can help that."""
    relation = testing.Relation("s3", remote_app_data={**_PLAIN, "data": "{}"}, local_app_data=_ASKED)

    _run(relation, event="changed", leader=leader)

    assert Requirer.seen.s3 is not None
    assert Requirer.seen.credentials is not None


def test_a_leader_that_finds_nothing_asked_for_asks() -> None:
    """The unit that led when the first one joined may be gone; it is asked for once."""
    first = _run(testing.Relation("s3"), event="update-status")
    again = _run(testing.Relation("s3", local_app_data=first.local_app_data), event="update-status")

    assert first.local_app_data == _ASKED
    assert again.local_app_data == first.local_app_data


@pytest.mark.parametrize("spelling", ["version", "lib-version"])
def test_a_new_provider_is_not_taken_for_an_old_one(spelling: str) -> None:
    """Else the bucket asked for would be named after the relation's number, and stay so."""
    relation = testing.Relation("s3", remote_app_data={spelling: "1"})

    out = _run(relation, event="changed")

    assert out.local_app_data["bucket"] == "prod-loki"
    assert [problem.code for problem in Requirer.seen.problems] == ["s3-waiting"]


def test_a_secret_that_is_not_granted_is_waited_for() -> None:
    """The provider publishes its id and grants it in one hook, but Juju may show one before the other."""
    said, _ = _provided()

    _run(testing.Relation("s3", remote_app_data=said), event="changed")

    assert Requirer.seen.s3 is None
    assert all(problem.severity is not Severity.WARNING for problem in Requirer.seen.problems)
    assert Requirer.seen.problems


def test_without_an_integration_there_is_nothing_to_say() -> None:
    """Whether one is needed, somebody else knows."""
    context = testing.Context(Requirer, meta=_META)

    with context(context.on.update_status(), testing.State(leader=True)) as manager:
        manager.run()
        assert manager.charm.bucket.related is False
        assert manager.charm.bucket.read() == Store()


@given(
    st.dictionaries(
        st.sampled_from([*_PLAIN, "version", "lib-version", "data", "tls-ca-chain", "s3-uri-style"]),
        st.one_of(st.text(), st.lists(st.text(max_size=4), max_size=2).map(json.dumps), st.just("1")),
    )
)
def test_nothing_that_a_provider_says_ends_the_hook(said: dict[str, str]) -> None:
    """A version that is no number must not either."""
    relation = testing.Relation("s3", remote_app_data={k: v for k, v in said.items() if v})

    _run(relation, event="changed")

    assert Requirer.seen.s3 is None or set(_PLAIN) <= set(said)
