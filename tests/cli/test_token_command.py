"""`flask token …`: ending one token, and deleting expired ones."""

import json
import os
import subprocess
import sys

import pytest

from admin.tokens import Purging
from models import Batch, usage_of
from models.database.driver import DriverConnection
from tests.cli.conftest import Run
from tests.conftest import NOON, Registered, Site
from tests.faults import database_file, drop_table, rows
from tests.servers.netid import PROJECT, environment

DAY = 86_400


@pytest.fixture
def library(site: Site) -> Registered:
    """A client that may refresh."""
    return site.register("Library", "--grant", "refresh_token", "--scope", "profile")


def tokens(site: Site, client: Registered) -> tuple[str, str]:
    """An access token and a refresh token of one grant."""
    answer = site.ask_token(client).get_json()
    return answer["access_token"], answer["refresh_token"]


def lives(site: Site, token: str) -> bool:
    """Whether a resource accepts the access token."""
    return site.get("/api/me", token).status_code == 200


def test_access_token_ends_alone(as_json: Run, site: Site, library: Registered) -> None:
    """Revoking an access token ends neither its grant nor another token."""
    access, refresh = tokens(site, library)
    another, _ = tokens(site, library)
    assert as_json("token", "revoke", stdin=f"{access}\n") == {"revoked": True}
    assert not lives(site, access)
    assert lives(site, another)
    assert as_json("token", "revoke", stdin=refresh) == {"revoked": True}


def test_refresh_token_ends_its_grant(as_json: Run, site: Site, library: Registered) -> None:
    """Revoking a refresh token ends its whole grant, and no other grant."""
    access, refresh = tokens(site, library)
    another, _ = tokens(site, library)
    assert as_json("token", "revoke", stdin=f"  {refresh}\r\n") == {"revoked": True}
    assert not lives(site, access)
    assert lives(site, another)


def test_second_revocation_fails(as_json: Run, refusal: Run, site: Site, library: Registered) -> None:
    """Revoking an ended token fails, so that a script notices."""
    access, _ = tokens(site, library)
    as_json("token", "revoke", stdin=access)
    assert refusal("token", "revoke", stdin=access) == "No such token lives: nothing was revoked."


def test_revocation_for_people(site: Site, library: Registered) -> None:
    """For people the output is one word."""
    assert site.run("token", "revoke", stdin=tokens(site, library)[0]).strip() == "Revoked."


def test_token_is_never_an_argument(site: Site, library: Registered) -> None:
    """A token in an argument, which every user of the machine can read, is refused and lives on."""
    access, _ = tokens(site, library)
    said = site.run("token", "revoke", access, status=2)
    assert "unexpected extra argument" in said
    assert lives(site, access)


@pytest.mark.parametrize("junk", ["", "\n", "nida_", "nidr_" + "A" * 56, "a password", "ü" * 60, "\0" * 57])
def test_junk_is_no_token(refusal: Run, junk: str) -> None:
    """A text that cannot be a token is refused, and not repeated."""
    assert refusal("token", "revoke", stdin=junk) == "This is not a token of this server."


def test_bytes_that_are_no_text_are_no_token(site: Site) -> None:
    """Bytes that are no UTF-8 are refused as any other junk."""
    result = site.app.test_cli_runner().invoke(args=["token", "revoke"], input=b"\xff\xfe\x00\x80")
    assert result.exit_code == 1
    assert result.stderr == "Error: This is not a token of this server.\n"


def test_purge_counts_deleted_rows_by_table(as_json: Run, site: Site, library: Registered) -> None:
    """A purge deletes expired rows table by table, and leaves live ones."""
    tokens(site, library)
    assert as_json("token", "purge").items() >= {"access_token": 0, "refresh_token": 0, "grant": 0}.items()
    site.clock.now = NOON + DAY
    access, _ = tokens(site, library)
    assert as_json("token", "purge").items() >= {"access_token": 1, "refresh_token": 0, "grant": 0}.items()
    site.clock.now = NOON + 14 * DAY + 3660
    assert as_json("token", "purge").items() >= {"access_token": 1, "refresh_token": 1, "grant": 1}.items()
    assert not lives(site, access)


def test_purge_works_in_batches_of_any_size(as_json: Run, site: Site, library: Registered) -> None:
    """A purge goes on to the end however small its batches are."""
    for _ in range(3):
        tokens(site, library)
    site.clock.now += 365 * DAY
    assert (
        as_json("token", "purge", "--batch", "1").items()
        >= {"access_token": 3, "refresh_token": 3, "grant": 3}.items()
    )


def test_purge_for_people(site: Site) -> None:
    """For people the output is one line of numbers."""
    assert site.run("token", "purge").startswith("access_token: 0, refresh_token: 0, grant: 0")


def test_purge_deletes_audit_rows_past_their_retention(as_json: Run, site: Site, library: Registered) -> None:
    """Audit rows are kept for 400 days by default."""
    tokens(site, library)
    site.clock.now += 400 * DAY
    assert as_json("token", "purge")["audit_event"] == 0
    site.clock.now += 1
    assert as_json("token", "purge")["audit_event"] == 1


def test_purge_counts_usage_and_ends_app_passwords_first(
    as_json: Run, site: Site, library: Registered
) -> None:
    """Where no worker runs beside it, the purge counts what it deletes, and ends what is due."""
    made = ("--label", "Backup", "--days", "30")
    site.run("app-password", "create", library.client_id, "alice", *made)
    tokens(site, library)
    site.clock.now += 401 * DAY
    counts = as_json("token", "purge")
    assert (counts["audit_event"], counts["app_password"], counts["client_usage"]) == (2, 0, 0)
    assert [row["end_reason"] for row in rows(site, "app_password")] == ["expired"]
    assert '"event": "app_password.ended"' in site.log.getvalue()
    with site.app.app_context():
        (usage,) = usage_of(NOON // DAY, NOON // DAY + 1)
    assert (usage.client_id, usage.logins, usage.detail["addresses"]) == (library.client_id, 1, {})


def test_empty_batch_is_refused(site: Site) -> None:
    """A batch holds at least one row; otherwise a purge would never end."""
    assert "0 is not in the range" in site.run("token", "purge", "--batch", "0", status=2)


def test_purge_rests_while_others_write() -> None:
    """After a batch a purge rests three times as long as it worked, if other connections write."""
    slept, shown = list[float](), list[str]()
    purging = Purging(3, shown.append, sleep=slept.append)
    for batch in (
        Batch("access_token", 200, 2.0, is_alone=False),
        Batch("access_token", 200, 1.0, is_alone=True),
        Batch("grant", 7, 0.5, is_alone=False),
    ):
        purging(batch)
    assert slept == [6.0, 1.5]
    assert purging.counts == {"access_token": 400, "grant": 7}
    assert shown[-1] == "grant: 7 rows, 407 in all"


def test_interrupted_purge_says_how_many_rows_it_deleted(
    site: Site, library: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C leaves whole batches deleted; the next call goes on."""
    for _ in range(5):
        tokens(site, library)
    site.clock.now += 365 * DAY
    batches = list[Batch]()

    def interrupt(purging: Purging, batch: Batch) -> None:
        count(purging, batch)
        batches.append(batch)
        if len(batches) == 2:
            raise KeyboardInterrupt

    count = Purging.__call__
    with monkeypatch.context() as patched:
        patched.setattr(Purging, "__call__", interrupt)
        said = site.run("token", "purge", "--batch", "2", "--rest", "0", status=130)
    assert said.strip() == "Stopped after 4 rows: the next call goes on from there."
    left = json.loads(site.run("token", "purge", "--rest", "0", "--json"))
    assert (left["access_token"], left["refresh_token"], left["grant"]) == (1, 5, 5)


def test_interrupt_undoes_the_batch_under_way(
    site: Site, library: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uncommitted deletions are rolled back, and the database can be written again."""
    tokens(site, library)
    site.clock.now += 365 * DAY

    def interrupted(_: DriverConnection) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(DriverConnection, "commit", interrupted)
        said = site.run("token", "purge", status=130)
    assert said.startswith("Stopped after 0 rows")
    assert json.loads(site.run("token", "purge", "--json"))["access_token"] == 1


def test_purge_that_fails_says_how_many_rows_it_deleted(
    site: Site, library: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database error is printed together with the number of deleted rows."""
    tokens(site, library)
    site.clock.now += 365 * DAY
    drop_table(site, "refresh_token")
    said = site.run("token", "purge", status=1)
    assert "Stopped after 1 rows" in said
    assert "The database cannot be used" in said


def test_progress_is_not_shown_in_a_pipe(site: Site, library: Registered) -> None:
    """A pipe gets only the last line."""
    tokens(site, library)
    site.clock.now += 365 * DAY
    result = site.app.test_cli_runner().invoke(args=["token", "purge"])
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1


def test_progress_is_shown_on_a_terminal(site: Site, library: Registered) -> None:
    """On a terminal a line on standard error has the table and the number of deleted rows."""
    tokens(site, library)
    ours, theirs = os.openpty()
    environ = environment(database_file(site).parent, TERM="xterm", COLUMNS="80")
    done = subprocess.run(
        [sys.executable, "-m", "flask", "token", "purge", "--json"],
        cwd=PROJECT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert "rows," in shown
    assert "in all" in shown
    assert json.loads(done.stdout).keys() >= {"access_token", "audit_event"}
