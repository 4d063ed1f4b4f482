"""Pairwise subjects: each client knows a person by a `sub` of its own (OpenID Connect Core, 8.1)."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest

from app import CannotStart
from models import Client
from oauth.policy.claims import PAIRWISE_SUBJECT, PairwiseSubjects
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import drop_table, rows
from tests.oauth.answers import OK, UNAVAILABLE, status_and_error

OPTIONS = ("--grant", "refresh_token", "--pairwise-subject", "--scope")
KEYS = ("first-kept-key-q7Zt2LxV9mPw4RbN8sHc", "other-kept-key-D3yKf6UjX1aGz5TeQo0v")


def sub(site: Site, client: Registered, **parameters: str) -> str:
    """The `sub` of alice that userinfo gives the client."""
    subject: str = site.get("/oauth/userinfo", site.token(client, **parameters)).get_json()["sub"]
    return subject


def made(client_id: str, person_id: str, secret: bytes = b"s" * 32) -> str | None:
    """The `sub` of a person with a client that is registered for pairwise ones."""
    client = Client(client_name="x", client_id=client_id, created_at=NOON, flags={PAIRWISE_SUBJECT: True})
    return PairwiseSubjects(lambda _: secret).sub_of(client, person_id)


def payload(token: str) -> dict[str, str]:
    """The claims of a JWT, without a check of its signature."""
    read: dict[str, str] = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    return read


def forget_clients(site: Site) -> None:
    """Delete every client, because their secrets need the server key too."""
    for client in json.loads(site.run("client", "list", "--json"))["items"]:
        site.run("client", "delete", client["client_id"], "--yes")


def test_each_client_gets_its_own_subject(faked: Site) -> None:
    """Two clients get two subjects for one person, and neither is the stable id (8.1)."""
    first, second = (faked.register(name, *OPTIONS, "profile") for name in ("one", "two"))
    subs = {sub(faked, first), sub(faked, second)}
    assert len(subs | {ALICE.id}) == 3
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", each) for each in subs)
    assert sub(faked, first) in subs


def test_other_clients_get_the_stable_id(faked: Site) -> None:
    """A client that is not registered for pairwise subjects gets the directory's stable id."""
    assert sub(faked, faked.register("a program", "--scope", "profile")) == ALICE.id


def test_every_endpoint_gives_the_same_subject(faked: Site, resource_server: Registered) -> None:
    """Userinfo, `/api/me` and introspection, by the client and by an API, give the same `sub`."""
    client = faked.register("a program", *OPTIONS, "profile")
    tokens = faked.ask_token(client).get_json()
    token = tokens["access_token"]
    subjects = [faked.get(path, token).get_json()["sub"] for path in ("/oauth/userinfo", "/api/me")]
    subjects += [
        faked.post("/oauth/introspect", asking, token=each).get_json()["sub"]
        for asking, each in (
            (client, token),
            (client, tokens["refresh_token"]),
            (resource_server, token),
        )
    ]
    assert len(set(subjects)) == 1
    assert ALICE.id not in subjects


def test_signed_tokens_have_the_same_subject(faked: Site) -> None:
    """A JWT and an ID token have the same `sub`, at the login and after a refresh (RFC 9068, 2.2)."""
    signed = ("--access-token-format", "RS256", "--id-token")
    client = faked.register("a program", *OPTIONS, "openid profile", *signed)
    first = faked.ask_token(client).get_json()
    second = faked.refresh(client, first["refresh_token"]).get_json()
    subjects = {
        payload(answer[name])["sub"] for answer in (first, second) for name in ("access_token", "id_token")
    }
    assert subjects == {faked.get("/api/me", second["access_token"]).get_json()["sub"]}
    assert ALICE.id not in subjects


def test_subject_stays_over_refreshes(faked: Site) -> None:
    """A refresh gives the `sub` of the login (OpenID Connect Core, 12.2)."""
    client = faked.register("a program", *OPTIONS, "profile")
    tokens = faked.ask_token(client).get_json()
    before = faked.get("/api/me", tokens["access_token"]).get_json()["sub"]
    later = faked.refresh(client, tokens["refresh_token"]).get_json()["access_token"]
    assert faked.get("/api/me", later).get_json()["sub"] == before


@pytest.mark.parametrize(
    ("scope", "username"), [("email", None), ("email profile", "alice")], ids=["without", "with profile"]
)
def test_username_is_released_only_with_profile(faked: Site, scope: str, username: str | None) -> None:
    """The Net ID, which other clients know too, is given only if the scope `profile` releases it."""
    client = faked.register("a program", *OPTIONS, "profile email")
    token = faked.token(client, scope=scope)
    assert faked.post("/oauth/introspect", client, token=token).get_json().get("username") == username
    assert ("net_id" in faked.get("/api/me", token).get_json()) == (username is not None)


def test_operators_see_the_stable_id(faked: Site) -> None:
    """The audit has the stable id, and an operator finds the person of a pairwise `sub`."""
    client = faked.register("a program", *OPTIONS, "profile")
    pairwise = sub(faked, client)
    assert rows(faked, "audit_event")[0]["subject"] == ALICE.id
    assert ALICE.id in faked.run("grant", "list", "--person", pairwise)


def test_key_rotation_changes_no_subject(make_site: Callable[..., Site], fake: FakeDirectory) -> None:
    """With a new first server key every `sub` stays the same."""
    site = make_site(fake, NETID_SECRET_KEY=KEYS[0])
    client = site.register("a program", *OPTIONS, "profile")
    before = sub(site, client)
    url = f"sqlite:///{site.app.instance_path}/netid.sqlite3"
    site = make_site(fake, NETID_SECRET_KEY=f"{KEYS[1]} {KEYS[0]}", NETID_DATABASE_URL=url)
    assert sub(site, client) == before


def test_lost_key_refuses_to_start(make_site: Callable[..., Site], fake: FakeDirectory) -> None:
    """A server without the key of the secret does not start, so no `sub` changes."""
    site = make_site(fake, NETID_SECRET_KEY=KEYS[0])
    sub(site, site.register("a program", *OPTIONS, "profile"))
    forget_clients(site)
    url = f"sqlite:///{site.app.instance_path}/netid.sqlite3"
    with pytest.raises(CannotStart, match="kept secrets made under other server keys"):
        make_site(fake, NETID_SECRET_KEY=KEYS[1], NETID_DATABASE_URL=url)


def test_login_without_the_secret_is_503(faked: Site) -> None:
    """Without the secret no token is issued: the stable id never replaces the pairwise one."""
    client = faked.register("a program", *OPTIONS, "profile")
    drop_table(faked, "persistent_secret")
    assert status_and_error(faked.ask_token(client)) == UNAVAILABLE
    assert status_and_error(faked.ask_token(faked.register("another", "--scope", "profile"))) == OK
    assert faked.log.getvalue().count("database.unavailable") == 1


def test_pairs_of_client_and_person_cannot_collide() -> None:
    """The digest separates client and person, and depends on the secret."""
    assert made("a", "bc") != made("ab", "c")
    assert made("a", "b") == made("a", "b")
    assert made("a", "b") != made("a", "b", b"t" * 32)
