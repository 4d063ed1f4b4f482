"""`flask person unblock` and `logout`: emptying the count of failures, and ending logins."""

import json
from dataclasses import replace

import pytest

from directory import DirectoryUnavailable
from tests.cli.refused_logins import fail
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows


def test_unblocked_user_can_log_in_at_once(limited: Site, script: Registered) -> None:
    """A user who was over the limits can log in, the audit says who unblocked; counts of addresses stay."""
    fail(limited, script, 3)
    assert limited.ask_token(script).status_code == 429
    unblocked = json.loads(limited.run("person", "unblock", "alice", "--json"))
    assert (unblocked["sub"], unblocked["failures"]) == (ALICE.id, 3)
    assert limited.ask_token(script).status_code == 200
    event = next(row for row in rows(limited, "audit_event") if row["event"] == "person.unblocked")
    assert event["subject"] == ALICE.id
    assert "3 failures" in str(event["reason"])
    assert len(rows(limited, "login_failure")) == 3


def test_unblock_reaches_every_name_of_the_person(limited: Site, script: Registered) -> None:
    """Failures under another spelling of the user's name no longer count either."""
    fail(limited, script, username="alice ")
    assert limited.ask_token(script, username="ALICE", password="").status_code == 400
    assert json.loads(limited.run("person", "unblock", ALICE.id, "--json"))["failures"] == 2


def test_unblock_leaves_other_users_counts(limited: Site, script: Registered) -> None:
    """The counts of other users stay."""
    fail(limited, script, 3, username="carol")
    limited.run("person", "unblock", "alice")
    assert limited.ask_token(script, username="carol", password="carol-password").status_code == 429


def test_logout_ends_every_login(limited: Site, script: Registered) -> None:
    """Every token of the user is dead and the audit says who ended it; other users' tokens live on."""
    other = limited.register("another")
    mine = [limited.token(script), limited.token(other)]
    carols = limited.token(script, username="carol", password="carol-password")
    assert json.loads(limited.run("person", "logout", "--yes", "alice", "--json")) == {
        "sub": ALICE.id,
        "ended": 2,
        "ended_sessions": 0,
        "ended_app_passwords": 0,
    }
    assert [limited.get("/api/me", token).status_code for token in (*mine, carols)] == [401, 401, 200]
    event = rows(limited, "audit_event")[-1]
    assert (event["event"], event["subject"]) == ("grant.revoked", ALICE.id)
    assert str(event["reason"]).startswith("logout")


@pytest.mark.parametrize("options", [(), ("--yes",)])
@pytest.mark.parametrize("name", ["alice", "nobody"])
def test_logout_that_ends_nothing_fails(limited: Site, name: str, options: tuple[str, ...]) -> None:
    """A user without a live grant and a session cannot be logged out, and nothing is asked."""
    said = limited.run("person", "logout", name, *options, status=1)
    assert (
        said.strip()
        == "Error: This user has no live grant, no session and no app password: nobody was logged out."
    )


def test_unblock_of_an_unknown_user_fails(limited: Site) -> None:
    """A name that neither the directory nor the failures know is a mistake of the operator."""
    said = limited.run("person", "unblock", "nobody", status=1)
    assert said.strip() == "Error: Nobody is known by this name, and no failure is counted under it."


@pytest.mark.usefixtures("on_terminal")
def test_logout_asks_before_it_ends_grants(limited: Site) -> None:
    """Without `--yes` the operator reads how many grants will end, and no answer means no."""
    token = limited.token(limited.register("Library", "--scope", "profile"))
    asked = limited.run("person", "logout", "alice", stdin="n\n", status=1)
    assert "End 1 grant of alice (" in asked
    assert limited.get("/api/me", token).status_code == 200
    assert limited.run("person", "logout", "alice", stdin="y\n").strip() == "Ended 1 grant."


class TestPrivate:
    """A user who asked for privacy, whose grants hold no Net ID."""

    @pytest.fixture
    def token(self, faked: Site, fake: FakeDirectory) -> str:
        """A token of that user."""
        fake.outcome = replace(ALICE, private=True)
        return faked.token(faked.register("p", "--scope", "profile"))

    @pytest.mark.parametrize("name", ["alice", ALICE.id])
    def test_logout_finds_the_private_user(self, faked: Site, token: str, name: str) -> None:
        """The directory says whose Net ID it is; a stable id needs no directory."""
        assert faked.get("/api/me", token).status_code == 200
        ended = json.loads(faked.run("person", "logout", "--yes", name, "--json"))
        assert ended == {"sub": ALICE.id, "ended": 1, "ended_sessions": 0, "ended_app_passwords": 0}
        assert faked.get("/api/me", token).status_code == 401

    @pytest.mark.parametrize(
        "command",
        [
            ("grant", "list", "--person", "alice"),
            ("audit", "list", "--person", "alice"),
            ("person", "why", "alice"),
        ],
    )
    def test_lists_find_the_private_user(self, faked: Site, token: str, command: tuple[str, ...]) -> None:
        """An operator finds the user's grants and events by the Net ID."""
        assert ALICE.id in faked.run(*command)

    def test_revoke_finds_the_private_user(self, faked: Site, token: str) -> None:
        """A revocation by Net ID ends the user's grants."""
        assert "Ended 1 grant." in faked.run("grant", "revoke", "--person", "alice", "--yes")
        assert faked.get("/api/me", token).status_code == 401

    def test_operator_is_warned_if_the_directory_is_away(
        self, faked: Site, fake: FakeDirectory, token: str
    ) -> None:
        """Without the directory the user is found by the stable id alone, and a warning says so."""
        fake.outcome = DirectoryUnavailable("away")
        result = faked.app.test_cli_runner().invoke(args=["person", "logout", "--yes", "alice"])
        assert (result.exit_code, result.stdout) == (1, "")
        assert "found by their sub alone" in result.stderr
        assert json.loads(faked.run("person", "logout", "--yes", ALICE.id, "--json"))["ended"] == 1

    def test_reassigned_net_id_must_be_named_by_stable_id(
        self, faked: Site, fake: FakeDirectory, token: str
    ) -> None:
        """If two owners of a Net ID have grants, the operator must name one by stable id."""
        fake.outcome = replace(ALICE, id="of-the-former-alice")
        faked.token(faked.register("q", "--scope", "profile"))
        fake.outcome = replace(ALICE, private=True)
        printed = faked.run("person", "logout", "--yes", "alice", status=1)
        assert "of-the-former-alice" in printed
        assert ALICE.id in printed
        faked.run("person", "logout", "--yes", ALICE.id)
        ended = json.loads(faked.run("person", "logout", "--yes", "of-the-former-alice", "--json"))
        assert ended["ended"] == 1

    def test_present_owner_without_grants_is_not_ambiguous(self, faked: Site, fake: FakeDirectory) -> None:
        """A present owner of the Net ID without grants makes it no ambiguous name."""
        fake.outcome = replace(ALICE, id="of-the-former-alice")
        faked.token(faked.register("q", "--scope", "profile"))
        fake.outcome = ALICE
        assert json.loads(faked.run("person", "logout", "--yes", "alice", "--json")) == {
            "sub": "of-the-former-alice",
            "ended": 1,
            "ended_sessions": 0,
            "ended_app_passwords": 0,
        }
