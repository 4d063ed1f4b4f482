"""Upgrades: current code serves what earlier releases stored, and refuses the database of a later release.

`tests/models/upgrades/make_release_data.py` wrote `0.2.0.sql` (a whole database) and `0.2.0.json` (what its
clients hold) with the code of that release. `0001.sql` holds rows of the first schema, which no release had.
"""

import json
import sqlite3
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from cli import services_of
from models import DEFAULT_POLICY, db, is_current, roll_up, usage_of
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE
from tests.faults import rows
from tests.models.upgrades.make_release_data import DATABASE, FOLDER, MISSING, fill, make_site
from tests.web.signin.visitor import CALLBACK, VERIFIER, Visitor, parameters_of
from web.signin.session_cookie import COOKIE

HELD: dict[str, dict[str, str]] = json.loads((FOLDER / "0.2.0.json").read_text("utf-8"))


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes a server of today on the rows of a file, which are then upgraded."""
    made: list[Site] = []

    def make(name: str, *, at: str | None = None) -> Site:
        instance = tmp_path / "instance"
        site = make_site(instance, NOON + 60)
        made.append(site)
        with site.app.app_context():
            if at is not None:
                upgrade(revision=at)
                assert not is_current()
            with closing(sqlite3.connect(instance / DATABASE)) as database:
                database.executescript((FOLDER / name).read_text("utf-8"))
            upgrade()
            assert is_current()
        return site

    yield make
    for site in made:
        with site.app.app_context():
            db.engine.dispose()


@pytest.fixture
def old(load: Callable[..., Site]) -> Site:
    """A server of today on the database of release 0.2.0."""
    return load("0.2.0.sql")


def client(name: str) -> Registered:
    """A client of the old database, with its secret."""
    return Registered(HELD[name]["client_id"], HELD[name]["client_secret"])


def key_id(token: str) -> str:
    """The id of the key that signed a JWT (RFC 7515, 4.1.4)."""
    header = token.partition(".")[0]
    found: str = json.loads(urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
    return found


def introspect(site: Site, name: str, token: str) -> dict[str, object]:
    """The answer of introspection to a client about its own token (RFC 7662)."""
    answer = site.post("/oauth/introspect", client(name), token=token)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.get_json()
    return found


def test_access_token_of_an_earlier_release_is_good(old: Site) -> None:
    """An access token opens what it opened, and the answer is the same as before."""
    assert old.get("/api/me", HELD["rotating"]["access_token"]).get_json() == {
        "sub": ALICE.id,
        "net_id": "alice",
        "name": "Alice Baker",
        "mail": "alice@campus.example",
    }


@pytest.mark.parametrize(
    ("name", "scope", "seconds"),
    [("rotating", "profile email library", 3600), ("program", "default", 3600), ("signed", "openid", 600)],
)
def test_introspection_knows_tokens_of_an_earlier_release(
    old: Site, name: str, scope: str, seconds: int
) -> None:
    """A token is as active as it was, with the same scope and end: opaque, of no user, or a JWT."""
    seen = introspect(old, name, HELD[name]["access_token"])
    assert (seen["active"], seen["scope"], seen["exp"]) == (True, scope, NOON + seconds)
    assert seen["client_id"] == HELD[name]["client_id"]


def test_token_that_was_revoked_before_an_upgrade_is_dead(old: Site) -> None:
    """A revocation outlives an upgrade (RFC 7009)."""
    assert introspect(old, "rotating", HELD["rotating"]["revoked_access_token"]) == {"active": False}


@pytest.mark.parametrize("name", ["rotating", "keeping", "pairwise", "signed"])
def test_refresh_token_of_an_earlier_release_is_good(old: Site, name: str) -> None:
    """A refresh token gives new tokens, with the client's secret from before the upgrade."""
    answer = old.refresh(client(name), HELD[name]["refresh_token"])
    assert answer.status_code == 200, answer.text
    assert old.get("/api/me", answer.get_json()["access_token"]).status_code == 200
    is_kept = answer.get_json()["refresh_token"] == HELD[name]["refresh_token"]
    assert is_kept is (name == "keeping")


def test_lost_answer_of_an_earlier_release_is_repeated(old: Site) -> None:
    """A client that lost the answer to a refresh during the upgrade gets the same tokens after it."""
    old.clock.now = NOON + 1
    answer = old.refresh(client("rotating"), HELD["rotating"]["used_refresh_token"])
    assert answer.status_code == 200, answer.text
    assert answer.get_json()["refresh_token"] == HELD["rotating"]["next_refresh_token"]


def test_pairwise_subject_of_an_earlier_release_stays(old: Site) -> None:
    """A client with pairwise subjects knows the user under the same `sub` as before (OIDC Core, 8.1)."""
    before = old.get("/api/me", HELD["pairwise"]["access_token"]).get_json()["sub"]
    after = old.get("/api/me", old.token(client("pairwise"))).get_json()["sub"]
    assert before == after != ALICE.id


def test_signing_key_of_an_earlier_release_still_signs(old: Site) -> None:
    """Tokens are signed with the same key as before the upgrade, and it is published (RFC 7517)."""
    before, after = (key_id(token) for token in (HELD["signed"]["access_token"], old.token(client("signed"))))
    assert before == after
    published = old.http.get("/.well-known/jwks.json").get_json()["keys"]
    assert before in [key["kid"] for key in published]


def test_revocation_reaches_tokens_of_an_earlier_release(old: Site) -> None:
    """Tokens that were issued before an upgrade can be ended after it."""
    token = HELD["rotating"]["refresh_token"]
    assert old.post("/oauth/revoke", client("rotating"), token=token).status_code == 200
    assert old.get("/api/me", HELD["rotating"]["access_token"]).status_code == 401


def test_audit_of_an_earlier_release_is_readable(old: Site) -> None:
    """The audit command prints the rows from before the upgrade."""
    printed = json.loads(old.run("audit", "list", "--since", "2027-01-01", "--json"))
    events = (
        [row["event"] for row in printed["items"]]
        if isinstance(printed, dict)
        else [row["event"] for row in printed]
    )
    assert events.count("token.issued") == 7
    assert {"token.refreshed", "token.revoked", "grant.refused"} <= set(events)


def test_scopes_and_failures_of_an_earlier_release_stay(old: Site) -> None:
    """The scopes, the refused logins and the missing people are still there."""
    assert "Borrow books" in old.run("scope", "list")
    assert [row["reason"] for row in rows(old, "login_failure")] == ["wrong_password"]
    assert [(row["subject"], row["directory"]) for row in rows(old, "missing_person")] == [
        (MISSING, "default")
    ]


def test_rows_of_the_first_schema_survive_every_migration(load: Callable[..., Site]) -> None:
    """Each migration keeps the rows of those before it."""
    site = load("0001.sql", at="0001")
    for table in ("client", "client_secret", "grant", "access_token", "refresh_token", "audit_event"):
        assert len(rows(site, table)) == 1, table
    (grant,) = rows(site, "grant")
    assert (grant["net_id"], grant["directory"], grant["origin"]) == ("alice", "default", "password")


def test_upgrade_can_be_undone(old: Site) -> None:
    """A downgrade to the first schema keeps every token, and they are good after the next upgrade."""
    with old.app.app_context():
        count = len(rows(old, "access_token"))
        downgrade(revision="0001")
        with db.engine.connect() as connection:
            assert len(connection.execute(text("SELECT id FROM access_token")).all()) == count
        upgrade()
    assert old.get("/api/me", HELD["rotating"]["access_token"]).status_code == 200


@pytest.fixture
def next_release(tmp_path: Path) -> Iterator[tuple[Site, dict[str, dict[str, str]]]]:
    """A server whose data will be kept as that of the next release, and what its clients hold."""
    site = make_site(tmp_path / "next", NOON)
    with site.app.app_context():
        upgrade()
    yield site, fill(site)
    with site.app.app_context():
        db.engine.dispose()


def test_data_of_the_next_release_holds_a_sign_in(
    next_release: tuple[Site, dict[str, dict[str, str]]],
) -> None:
    """The data to keep of the next release has a session, codes and tokens that this code serves."""
    site, held = next_release[0], next_release[1]["browser"]
    visitor = Visitor(site)
    visitor.http.set_cookie(COOKIE, held["cookie"], domain="localhost", secure=True)
    browser = Registered(held["client_id"], held["client_secret"])
    assert "code" in parameters_of(visitor.open(browser, scope="openid"))
    assert site.refresh(browser, held["refresh_token"]).status_code == 200
    form = {"code": held["unused_code"], "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer = site.post("/oauth/token", browser, grant_type="authorization_code", **form)
    assert answer.status_code == 200, answer.text


def test_data_of_the_next_release_holds_an_app_password(
    next_release: tuple[Site, dict[str, dict[str, str]]],
) -> None:
    """The data to keep of the next release has an app password, its tokens, and the policy of its client."""
    site, held = next_release[0], next_release[1]["moving"]
    moving = Registered(held["client_id"], held["client_secret"])
    assert site.ask_token(moving, password=held["app_password"]).status_code == 200
    assert site.refresh(moving, held["refresh_token"]).status_code == 200
    assert site.ask_token(moving).get_json()["error"] == "unauthorized_client"
    site.run("app-password", "revoke", held["app_password_id"], "--yes")
    assert site.get("/api/me", held["access_token"]).status_code == 401


def test_downgrade_leaves_no_token_of_an_app_password(
    next_release: tuple[Site, dict[str, dict[str, str]]],
) -> None:
    """The release before could not end these tokens with their app password, so they end before."""
    site, held = next_release
    with site.app.app_context():
        downgrade(revision="0005")
        upgrade()
    site.clock.now += 5
    assert site.get("/api/me", held["moving"]["access_token"]).status_code == 401
    assert site.get("/api/me", held["rotating"]["access_token"]).status_code == 200
    assert rows(site, "app_password") == rows(site, "password_grant_step") == []


def test_clients_of_an_earlier_release_have_the_default_policy(old: Site) -> None:
    """After the upgrade every client may use the password grant as before, without further headers."""
    with old.app.app_context():
        clients = services_of(old.app).clients.list()
    assert {each.password_grant for each in clients} == {DEFAULT_POLICY}
    answer = old.ask_token(client("rotating"))
    assert answer.status_code == 200
    assert not {"Deprecation", "Sunset", "Link"} & set(answer.headers.keys())


def test_usage_is_counted_from_the_upgrade_on(old: Site) -> None:
    """Audit rows of the earlier release do not count; a login after the upgrade does."""
    old.token(client("rotating"))
    with old.app.app_context():
        roll_up(int(old.clock()))
        (usage,) = usage_of(NOON // 86_400, NOON // 86_400 + 1)
    assert (usage.client_id, usage.logins, usage.failures) == (client("rotating").client_id, 1, 0)


def test_newer_database_is_refused(old: Site) -> None:
    """Code that is older than its database is not ready, and the production server does not start."""
    with old.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert old.http.get("/readyz").status_code == 503
    result = old.app.test_cli_runner().invoke(args=["serve"])
    assert result.exit_code == 1
    assert "that of a newer release" in result.output
