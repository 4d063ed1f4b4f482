"""The audit of the server itself on rows that no command stores, and on secrets that clients share."""

import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admin.self_audit.self_audit import findings_in
from admin.self_audit.snapshot import Snapshot, take_snapshot
from cli import services_of
from models import Client, ClientSecret, PasswordGrantPolicy
from oauth.clients.registration import FLAGS, GRANT_TYPES
from tests.conftest import NOON, Site
from tests.generated import examples

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["http://[", "https://h:p/", "//", "*", "?next=", "https://x/?%ff=%", "0.0.0.0/0", "::/0"]
    ),
)
TIMES = st.integers(0, 2 * NOON)
IDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)
SECRETS = st.builds(
    ClientSecret,
    serial=st.integers(1, 5),
    key_id=st.just("key"),
    digest=st.binary(min_size=1, max_size=1),
    created_at=TIMES,
    not_after=st.none() | TIMES,
    last_used_at=st.none() | TIMES,
    weak=st.booleans(),
)
POLICIES = st.builds(
    PasswordGrantPolicy,
    ends_at=st.none() | TIMES,
    brown_outs=st.lists(st.tuples(TIMES, TIMES), max_size=2).map(tuple),
    closed_to_new_people_at=st.none() | TIMES,
    app_passwords=st.sampled_from(["allowed", "off", "only"]),
    off_at=st.none() | TIMES,
)
CLIENTS = st.builds(
    Client,
    client_id=IDS,
    client_name=st.text(max_size=30),
    grant_types=st.lists(st.sampled_from(GRANT_TYPES)).map(tuple),
    redirect_uris=st.lists(TEXTS, max_size=3).map(tuple),
    token_endpoint_auth_method=st.sampled_from(["none", "client_secret_basic"]),
    owner=st.none() | TEXTS,
    resource_server=st.booleans(),
    flags=st.dictionaries(st.sampled_from(FLAGS), st.booleans()),
    access_token_format=st.sampled_from(["opaque", "RS256", "ES256"]),
    audiences=st.lists(TEXTS, max_size=1).map(tuple),
    restrictions=st.dictionaries(st.sampled_from(["networks", "cors_origins"]), st.lists(TEXTS, max_size=2)),
    created_at=TIMES,
    disabled_at=st.none() | TIMES,
    secrets=st.lists(SECRETS, max_size=2).map(tuple),
    password_grant=POLICIES,
)


@pytest.fixture
def snapshot(site: Site) -> Snapshot:
    """The snapshot of a new server."""
    with site.app.app_context():
        return take_snapshot(services_of(site.app), key_file=Path("none"), environ={})


@settings(
    deadline=None, max_examples=examples(60), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(clients=st.lists(CLIENTS, max_size=4, unique_by=lambda each: each.client_id))
def test_no_row_stops_the_audit(snapshot: Snapshot, clients: list[Client]) -> None:
    """Whatever a row holds, each check answers, and each remedy names the client as one word of a shell."""
    found = findings_in(replace(snapshot, clients=clients))
    named = [each for each in found if each.client_id is not None]
    assert all(str(each.client_id) in shlex.split(each.mend)[-1] for each in named)
    disabled = {each.client_id for each in clients if each.disabled_at is not None}
    assert disabled.isdisjoint({each.client_id for each in named})


def test_shared_secret_is_found_at_each_client(snapshot: Snapshot) -> None:
    """Two programs with one secret can act as each other; a secret that has ended is shared with nobody."""

    def client(name: str, digest: bytes, *, not_after: int | None = None) -> Client:
        secret = ClientSecret(1, "key", digest, NOON, not_after, NOON, False)  # noqa: FBT003 - a plain row
        return Client(client_id=name, client_name=name, created_at=NOON, secrets=(secret,))

    clients = [client("a", b"1"), client("b", b"1"), client("c", b"2"), client("d", b"1", not_after=NOON)]
    found = [each for each in findings_in(replace(snapshot, clients=clients)) if each.id == "secret-shared"]
    assert [(each.client_id, each.weight) for each in found] == [("a", "medium"), ("b", "medium")]
    assert "that of 1 other client:" in found[0].sentence
