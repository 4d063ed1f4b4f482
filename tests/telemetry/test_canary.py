"""No log at any level, and no database, contains a password, secret or token."""

import json
import logging
import sqlite3
from base64 import b64decode, b64encode, urlsafe_b64decode
from collections.abc import Callable

import pytest

from directory import DirectoryUnavailable, Person
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import database_file, drop_table, ruin_database
from tests.telemetry.canaries import Canaries

TYPED = [
    "wrong-canary-4711",
    "name-canary-4712",
    "secret-canary-4713",
    "query-canary-4714",
    "scope-canary-4715",
]
WRONG, NAME, SECRET, QUERY, SCOPE = TYPED
IMPORTED = "imported-canary-4716+%"


@pytest.fixture
def canaries() -> Canaries:
    """The words to search for."""
    return Canaries(["alice-password", "zoë-pässwörd", *TYPED])


def use_everything(site: Site, canaries: Canaries) -> Registered:
    """Every flow of the walk-through: successes, refusals, resources, commands."""
    client = site.register("a program", "--grant", "refresh_token", "--scope", "profile echo")
    canaries.words.append(client.secret)
    for person in ({}, {"username": "zoe", "password": "zoë-pässwörd"}):
        body = site.ask_token(client, **person).get_json()
        canaries.words += [body["access_token"], body["refresh_token"]]
        for path in ("/api/me", "/echo/v1/echo/x"):
            assert site.get(path, body["access_token"]).status_code == 200
            assert site.get(path, f"<{body['access_token']}>").status_code == 401
            assert site.get(path, body["refresh_token"]).status_code == 401
    canaries.words += use_other_flows(site, client, body["refresh_token"])
    canaries.words += use_special_clients(site)
    for wrong in (
        {"password": WRONG},
        {"username": NAME},
        {"username": NAME, "password": ""},
        {"username": NAME, "password": WRONG},
        {"scope": SCOPE},
        {"grant_type": SCOPE},
        {"client_secret": SECRET},
        {"client_id": SECRET},
        {"password": f"\0{WRONG}"},
    ):
        assert site.ask_token(client, **wrong).status_code == 400
    assert site.ask_token(Registered(client.client_id, SECRET)).status_code == 401
    assert site.ask_token(Registered(SECRET, NAME)).status_code == 401
    for path in ("/token", "/oauth/revoke", "/oauth/introspect"):
        assert site.http.post(f"{path}?password={QUERY}", auth=client.basic).status_code == 400
    assert site.http.get(f"/api/me?access_token={QUERY}").status_code == 401
    canaries.words.append(rotated(site, client))
    site.run("token", "revoke", stdin=body["access_token"])
    site.run("token", "revoke", stdin=body["refresh_token"], status=1)
    assert site.get("/api/me", body["access_token"]).status_code == 401
    return client


def use_other_flows(site: Site, client: Registered, token: str) -> list[str]:
    """Refresh, replay, reuse, client credentials, introspection and revocation; returns the issued tokens."""
    job = site.register("a job", "--resource-server", "--scope", "profile", grant="client_credentials")
    made = [
        job.secret,
        site.post("/oauth/token", job, grant_type="client_credentials").get_json()["access_token"],
    ]
    first = site.refresh(client, token).get_json()
    assert site.refresh(client, token).get_json() == first
    second = site.refresh(client, first["refresh_token"], scope="echo").get_json()
    made += [each[kind] for each in (first, second) for kind in ("access_token", "refresh_token")]
    for each in (job, client):
        for shown in (*made, SECRET, f"<{token}>"):
            assert site.post("/oauth/introspect", each, token=shown).status_code == 200
    assert site.post("/oauth/revoke", job, token=token).status_code == 400
    for ended in (second["access_token"], SECRET):
        assert site.post("/oauth/revoke", client, token=ended, token_type_hint=NAME).status_code == 200
    for wrong in (token, SECRET, second["access_token"]):
        assert site.refresh(client, wrong).status_code == 400
    assert site.refresh(client, second["refresh_token"], scope=SCOPE).status_code == 400
    assert site.post("/oauth/revoke", client, token=second["refresh_token"]).status_code == 200
    return made


def use_special_clients(site: Site) -> list[str]:
    """JWTs, ID tokens, imported clients, clients with detailed errors or rules, a page, and the help desk."""
    detailed = site.register(
        "told",
        "--grant",
        "refresh_token",
        "--scope",
        "openid profile",
        "--id-token",
        "--told-reasons",
        "--access-token-format",
        "ES256",
    )
    body = site.ask_token(detailed).get_json()
    made = [detailed.secret, *(body[kind] for kind in ("access_token", "refresh_token", "id_token"))]
    assert site.get("/oauth/userinfo", body["access_token"]).status_code == 200
    for wrong in ({"password": WRONG}, {"username": NAME}):
        assert canaries_in(site.ask_token(detailed, **wrong).text) == []
    old = {"client_id": "old", "client_secret": IMPORTED, "grant_types": ["password"], "scope": "profile"}
    site.run("client", "import", "-", stdin=json.dumps([old]))
    made.append(site.token(Registered("old", IMPORTED)))
    site.run("client", "import", "-", stdin=json.dumps([{**old, "scope": f'"{SECRET}'}]), status=1)
    kept_out = site.register("strict", "--refuse-member", "affiliation:staff", "--network", "127.0.0.0/8")
    assert site.ask_token(kept_out).status_code == 400
    form = {"grant_type": "password", "client_id": SECRET}
    page = site.http.post("/oauth/token", data=form, headers={"Origin": f"https://{QUERY}"})
    assert page.status_code == 401
    for _ in range(12):
        site.ask_token(detailed, username=NAME, password=WRONG)
    for command in (("person", "why"), ("person", "unblock"), ("person", "logout")):
        for name in ("alice", NAME):
            result = site.app.test_cli_runner().invoke(args=[*command, name, "--json"], input="")
            printed = result.output
            assert not [word for word in (*made, WRONG, NAME) if word in printed]
    assert not [word for word in (*made, *TYPED, "alice-password") if word in site.run("audit", "list")]
    made += [kept_out.secret, IMPORTED]
    return made


def canaries_in(text: str) -> list[str]:
    """The typed text that an answer repeats."""
    return [word for word in (*TYPED, "alice-password") if word in text]


def rotated(site: Site, client: Registered) -> str:
    """A further secret of the client."""
    printed = site.run("client", "rotate-secret", client.client_id)
    return next(word for word in printed.split() if word.startswith("nids_"))


def test_nothing_secret_is_written_anywhere(
    all_logs: Callable[[], str], make_site: Callable[..., Site], canaries: Canaries
) -> None:
    """At DEBUG, through every flow and fault, no log line shows a credential or a token (RFC 9700, 4.3)."""
    site = make_site()
    client = use_everything(site, canaries)
    body = site.ask_token(client).get_json()
    canaries.words += [body["access_token"], body["refresh_token"]]
    drop_table(site, "audit_event")
    assert site.ask_token(client).status_code == 503
    assert site.refresh(client, body["refresh_token"]).status_code == 503
    assert site.post("/oauth/revoke", client, token=body["refresh_token"]).status_code == 200
    ruin_database(site)
    assert site.ask_token(client).status_code == 503
    assert site.post("/oauth/introspect", client, token=body["access_token"]).status_code == 503
    assert site.get("/api/me", body["access_token"]).status_code == 503

    directory = FakeDirectory()
    faked = make_site(directory)
    client = faked.register()
    canaries.words.append(client.secret)
    directory.outcome = DirectoryUnavailable("away", alarm=True)
    assert faked.ask_token(client).status_code == 503
    directory.outcome = ALICE
    directory.verify = explode  # type: ignore[method-assign]
    assert faked.ask_token(client).status_code == 503

    lines = site.log.getvalue() + faked.log.getvalue()
    assert "token.issued" in lines
    assert "unexpected" in lines
    assert canaries.found_in(lines) == []
    logging.getLogger("library").debug("this is heard")
    assert "this is heard" in all_logs()
    assert canaries.found_in(all_logs()) == []


def explode(net_id: str, password: str, *, groups: bool = False) -> Person:
    """Fail as a library might, with the password in the message."""
    raise RuntimeError(f"cannot bind {net_id} with {password}")


def test_nothing_secret_is_in_the_database(site: Site, canaries: Canaries) -> None:
    """Neither a dump nor the bytes of the files hold a credential or a token (RFC 6819, 5.1.4.1.3)."""
    use_everything(site, canaries)
    file = database_file(site)
    raw = b"".join(each.read_bytes() for each in sorted(file.parent.glob(file.name + "*")))
    connection = sqlite3.connect(file)
    dump = "\n".join(connection.iterdump())
    connection.close()
    assert "alice@" not in dump
    assert "Alice Baker" in dump
    assert canaries.found_in(dump) == []
    assert canaries.found_in(raw.decode("latin-1")) == []
    for word in canaries.words:
        assert word.encode() not in raw
        if word.startswith("nid"):
            octets = urlsafe_b64decode(word[5:] + "=" * (-len(word[5:]) % 4))
            # A token's stand between its time and its checksum.
            assert (octets if word.startswith("nids_") else octets[-36:-4]) not in raw


def test_search_finds_a_canary_in_each_encoding(canaries: Canaries) -> None:
    """The search finds a canary as text, in hexadecimal digits and in Base64."""
    for text in (WRONG, WRONG.encode().hex(), b64encode(WRONG.encode()).decode(), f"x{WRONG}y"):
        assert canaries.found_in(text) == [WRONG]
    assert canaries.found_in(b64decode(b64encode(b"nothing")).decode()) == []
