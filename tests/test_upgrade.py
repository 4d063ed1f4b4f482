"""Upgrades: what was issued before is good after, and older code refuses a newer database (P10)."""

import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask_migrate import downgrade, upgrade
from sqlalchemy import text

from app import create_app
from models import db, hour_prefix, is_current
from tests.conftest import NOON, Clock, Registered, Site
from tests.fakes import ALICE
from tests.servers.netid import PROJECT

ROWS = PROJECT / "tests" / "models" / "upgrades" / "0001.sql"
# The key that the rows were made under, and what was given out with them.
KEY = "kept-by-the-operator-0123456789-abcdefgh"
CLIENT = Registered("aba6aaae68551424e4bde544", "nids_im2wm-CeNtbxq0veEvNl4ISnUNFU08oCjRu_r823yks")
ACCESS = "nida_B6EhuQQqE19rmidavRC0nJwgCJhqZTLULjWyf8lVfNQTFvAGaRFC"
REFRESH = "nidr_B6JwWSh5-bfU9z7ax8ZiToR9OkWjviT1p-YcOwNursmOHrFOsgpv"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Site]:
    """A server of today on a database of the first release, upgraded."""
    instance = tmp_path / "instance"
    log, clock = io.StringIO(), Clock(NOON + 60)
    environ = {"NETID_INSTANCE_PATH": str(instance), "NETID_SECRET_KEY": KEY}
    app = create_app(environ, clock=clock, log_stream=log)
    with app.app_context():
        upgrade(revision="0001")
        connection = sqlite3.connect(instance / "netid.sqlite3")
        connection.executescript(ROWS.read_text("utf-8"))
        connection.close()
        assert not is_current()
        upgrade()
        assert is_current()
    yield Site(app, app.test_client(), clock, log)
    with app.app_context():
        db.engine.dispose()


def test_token_of_the_first_release_is_good(old: Site) -> None:
    """An access token opens what it opened, and the answer says what it said."""
    told = old.get("/api/me", ACCESS).get_json()
    assert told == {
        "sub": ALICE.id,
        "net_id": "alice",
        "name": "Alice Baker",
        "mail": "alice@campus.example",
    }
    seen = old.post("/oauth/introspect", CLIENT, token=ACCESS).get_json()
    assert (seen["active"], seen["scope"], seen["exp"]) == (True, "profile email", NOON + 3600)


def test_refresh_token_of_the_first_release_is_good(old: Site) -> None:
    """A refresh token gives its successor once, with the client's secret of then."""
    answer = old.refresh(CLIENT, REFRESH)
    assert answer.status_code == 200, answer.text
    assert old.get("/api/me", answer.get_json()["access_token"]).status_code == 200


def test_lost_answer_of_the_first_release_is_given_again(old: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever missed the answer to a refresh while the server was upgraded is given the same one after it."""
    with monkeypatch.context() as first_release:
        first_release.setattr("oauth.tokens.format.moment_prefix", lambda ends: hour_prefix(int(ends)))
        missed = old.refresh(CLIENT, REFRESH).get_json()
    assert len(missed["refresh_token"]) == len(REFRESH)
    assert old.refresh(CLIENT, REFRESH).get_json() == missed
    assert old.get("/api/me", missed["access_token"]).status_code == 200


def test_revocation_reaches_tokens_of_the_first_release(old: Site) -> None:
    """What was issued before an upgrade can be ended after it."""
    assert old.post("/oauth/revoke", CLIENT, token=REFRESH).status_code == 200
    assert old.get("/api/me", ACCESS).status_code == 401


def test_upgrade_can_be_undone(old: Site) -> None:
    """Back at the first release its tables are what they were, and the token is still in them."""
    with old.app.app_context():
        downgrade(revision="0001")
        connection = db.engine.connect()
        assert len(connection.execute(text("SELECT id FROM access_token")).all()) == 1
        connection.close()
        upgrade()
    assert old.get("/api/me", ACCESS).status_code == 200


def test_newer_database_is_refused(old: Site) -> None:
    """Code that is older than its database is not ready, and the production server does not start."""
    with old.app.app_context(), db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert old.http.get("/readyz").status_code == 503
    result = old.app.test_cli_runner().invoke(args=["serve"])
    assert result.exit_code == 1
    assert "that of a newer release" in result.output
