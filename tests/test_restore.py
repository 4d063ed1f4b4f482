"""Restoring a backup revives revoked tokens; the documented commands end them."""

import json
import re
import shlex
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from models import db
from tests.conftest import NOON, Registered, Site
from tests.faults import database_file, rows
from tests.models.sign_in import SignIn
from tests.models.stores import Stores
from tests.servers.netid import PROJECT

pytestmark = pytest.mark.slow

SECTION = re.search(
    r"^## Backup and restore\n(.*?)^## ",
    (PROJECT / "docs" / "operating.md").read_text("utf-8"),
    re.DOTALL | re.MULTILINE,
)
assert SECTION is not None
BLOCKS = re.findall(r"```shell\n(.*?)```", SECTION[1], re.DOTALL)
COMMANDS = [shlex.split(line) for line in re.findall(r"^\.venv/bin/flask (.*)$", BLOCKS[2], re.MULTILINE)]


@pytest.fixture
def program(site: Site) -> Registered:
    """A client with every grant type."""
    return site.register(
        "Library", "--grant", "refresh_token", "--grant", "client_credentials", "--resource-server"
    )


@pytest.fixture
def signed(site: Site) -> Registered:
    """A client whose access tokens are JWTs."""
    return site.register("Signed", "--access-token-format", "RS256")


def is_active(site: Site, by: Registered, token: str) -> bool:
    """Whether introspection calls a token active (RFC 7662)."""
    answer = site.post("/oauth/introspect", by, token=token)
    assert answer.status_code == 200, answer.text
    return bool(answer.get_json()["active"])


def back_up(site: Site, backup: Path) -> None:
    """Make SQLite's online backup, as `.backup` of its shell, while the server has the database open."""
    backup.mkdir()
    with (
        closing(sqlite3.connect(database_file(site))) as live,
        closing(sqlite3.connect(backup / "netid.sqlite3")) as copy,
    ):
        live.backup(copy)


def restore(site: Site, backup: Path) -> None:
    """Run the documented shell commands, with the server stopped."""
    with site.app.app_context():
        db.engine.dispose()
    instance = database_file(site).parent
    script = BLOCKS[1].replace("/backup", str(backup)).replace("instance/", f"{instance}/")
    subprocess.run(["bash", "-euc", script], check=True)


def test_revoked_token_is_dead_after_a_restore(
    site: Site, program: Registered, signed: Registered, tmp_path: Path
) -> None:
    """A restore revives a revoked token. The documented commands end it and all other tokens."""
    answer = site.ask_token(program).get_json()
    access, refresh = answer["access_token"], answer["refresh_token"]
    others = [
        site.token(program, username="bob", password="bob-password"),
        site.post("/oauth/token", program, grant_type="client_credentials").get_json()["access_token"],
        site.token(signed),
    ]
    back_up(site, tmp_path / "backup")
    assert site.post("/oauth/revoke", program, token=refresh).status_code == 200
    assert not is_active(site, program, access)
    restore(site, tmp_path / "backup")
    # This is why there is a command.
    assert is_active(site, program, access)
    assert is_active(site, program, refresh)
    for command in COMMANDS:
        site.run(*command)
    for token in (access, refresh, *others[:2]):
        assert not is_active(site, program, token)
    assert not is_active(site, signed, others[2])
    assert site.get("/api/me", access).status_code == 401
    assert site.refresh(program, refresh).get_json()["error"] == "invalid_grant"
    assert is_active(site, program, site.token(program))


def test_used_refresh_token_is_dead_after_a_restore(site: Site, program: Registered, tmp_path: Path) -> None:
    """A refresh token that was rotated since the backup is not valid again."""
    refresh = site.ask_token(program).get_json()["refresh_token"]
    back_up(site, tmp_path / "backup")
    successor = site.refresh(program, refresh).get_json()["refresh_token"]
    restore(site, tmp_path / "backup")
    for command in COMMANDS:
        site.run(*command)
    for token in (refresh, successor):
        assert site.refresh(program, token).get_json()["error"] == "invalid_grant"


def test_ended_session_is_dead_after_a_restore(site: Site, program: Registered, tmp_path: Path) -> None:
    """A session that was ended since the backup is not live again: its cookie may have been stolen."""
    site.token(program)
    with site.app.app_context():
        sign_in = SignIn(Stores(site, site.clock))
        stolen, cookie = sign_in.begin()
    back_up(site, tmp_path / "backup")
    site.run("session", "end", "--session", stolen.id.hex(), "--yes")
    restore(site, tmp_path / "backup")
    with site.app.app_context():
        found = sign_in.sessions.find(cookie)
        assert found is not None
        assert found.is_live(int(site.clock()))
        for command in COMMANDS:
            site.run(*command)
        ended = sign_in.sessions.find(cookie)
        assert ended is not None
        assert not ended.is_live(int(site.clock()))


def test_ended_app_password_is_dead_after_a_restore(site: Site, program: Registered, tmp_path: Path) -> None:
    """An app password that was ended since the backup gives no token: its script may have been stolen."""
    options = ("--label", "Backup", "--days", "30", "--json")
    made = json.loads(site.run("app-password", "create", program.client_id, "alice", *options))
    back_up(site, tmp_path / "backup")
    site.run("app-password", "revoke", made["app_password_id"], "--yes")
    restore(site, tmp_path / "backup")
    access = site.token(program, password=made["app_password"])
    for command in COMMANDS:
        site.run(*command)
    answer = site.ask_token(program, password=made["app_password"])
    assert answer.get_json()["error"] == "invalid_grant"
    assert not is_active(site, program, access)


def test_revocation_of_every_app_password_allows_no_other_selection(site: Site, program: Registered) -> None:
    """`--everyone` stands alone, and there may be none to end."""
    for options in (["--person", "alice"], ["--client", program.client_id], ["00" * 16]):
        site.run("app-password", "revoke", "--everyone", *options, "--yes", status=2)
    assert site.run("app-password", "revoke", "--everyone", "--yes").strip() == "Ended 0 app passwords."


def test_revocation_of_everyone_is_one_audit_row(site: Site, program: Registered) -> None:
    """The row says that everyone was meant, and how many grants ended."""
    for _ in range(3):
        site.token(program)
    site.run("grant", "revoke", "--everyone", "--yes")
    ended = [row for row in rows(site, "audit_event") if row["event"] == "grant.revoked"]
    assert [(row["reason"], row["client_id"], row["subject"]) for row in ended] == [
        ("everyone: 3 ended", None, None)
    ]


def test_before_spares_later_logins(site: Site, program: Registered) -> None:
    """With `--before`, only earlier logins end."""
    early = site.token(program)
    site.clock.now += 600
    late = site.token(program)
    site.run("grant", "revoke", "--everyone", "--before", "2027-01-15 08:05:00Z", "--yes")
    assert (NOON, is_active(site, program, early), is_active(site, program, late)) == (
        1_800_000_000,
        False,
        True,
    )
    (row,) = [row for row in rows(site, "audit_event") if row["event"] == "grant.revoked"]
    assert row["reason"] == "everyone, before 2027-01-15 08:05:00Z: 1 ended"


def test_revocation_of_everyone_asks_first(
    site: Site, program: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `--yes` nothing ends before the answer, and `--everyone` allows no other selection."""
    token = site.token(program)
    monkeypatch.setattr("cli.output.has_terminal", lambda: True)
    printed = site.run("grant", "revoke", "--everyone", stdin="n\n", status=1)
    assert "End 1 grant of everyone?" in printed
    for options in (["--person", "alice"], ["--client", program.client_id]):
        site.run("grant", "revoke", "--everyone", *options, "--yes", status=2)
    assert is_active(site, program, token)


def test_guide_has_exactly_the_tested_commands() -> None:
    """The tested commands are all commands of the guide."""
    assert COMMANDS == [
        ["db", "upgrade"],
        ["session", "end", "--everyone", "--yes"],
        ["grant", "revoke", "--everyone", "--yes"],
        ["app-password", "revoke", "--everyone", "--yes"],
    ]
    assert ".backup" in BLOCKS[0]


def test_more_grants_than_a_batch_all_end(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More grants than one transaction holds all end."""
    site = make_site()
    program = site.register("Library", "--resource-server")
    token = site.token(program)
    with sqlite3.connect(database_file(site)) as database:
        columns = [row[1] for row in database.execute('PRAGMA table_info("grant")') if row[1] != "id"]
        named = ", ".join(f'"{each}"' for each in columns)
        copy = f'INSERT INTO "grant" (id, {named}) SELECT ?, {named} FROM "grant" LIMIT 1'  # noqa: S608 - our own
        database.executemany(copy, [[number.to_bytes(19, "big")] for number in range(2500)])
    database.close()
    assert site.run("grant", "revoke", "--everyone", "--yes").strip() == "Ended 2501 grants."
    assert not is_active(site, program, token)
