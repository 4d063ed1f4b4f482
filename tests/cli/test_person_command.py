"""`flask person …`: why a user cannot log in, emptying the count of failures, and ending logins."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, LockoutStatus, PersonState, Refusal
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.faults import rows

MINUTE = 60


@pytest.fixture
def fake() -> FakeDirectory:
    """A directory that accepts every password until a test changes that."""
    return FakeDirectory()


@pytest.fixture
def faked(make_site: Callable[..., Site], fake: FakeDirectory) -> Site:
    """An application over the fake directory."""
    return make_site(fake)


@pytest.fixture
def limited(make_site: Callable[..., Site]) -> Site:
    """A server that allows three failures of a user in 15 minutes, and five a day."""
    return make_site(NETID_LIMIT_PERSON="3/15minutes;5/day")


@pytest.fixture
def script(limited: Site) -> Registered:
    """A program that uses an old password."""
    return limited.register("old script", "--scope", "profile")


def why(site: Site, net_id: str = "alice") -> dict[str, Any]:
    """The report on a user, as an object."""
    report: dict[str, Any] = json.loads(site.run("person", "why", net_id, "--json"))
    return report


def fail(site: Site, client: Registered, times: int = 1, **changes: str) -> None:
    """Refused logins, a minute apart."""
    for _ in range(times):
        assert site.ask_token(client, password="old", **changes).status_code in {400, 429}
        site.clock.now += MINUTE


def test_failures_are_reported_by_client_and_address(limited: Site, script: Registered) -> None:
    """The report says which program failed, from where, why and how often, for every spelling of the name."""
    fail(limited, script)
    fail(limited, script, username=" ALICE")
    (failure,) = why(limited)["failures"]
    assert (failure["client_id"], failure["client_name"]) == (script.client_id, "old script")
    assert (failure["address"], failure["reason"], failure["times"]) == ("127.0.0.1", "wrong_password", 2)
    assert failure["last_at"] - failure["first_at"] == MINUTE


def test_block_of_a_client_is_reported_with_its_end(limited: Site, script: Registered) -> None:
    """The report names the client that is over the limit with this user, and when it may try again."""
    assert why(limited)["blocked"] == []
    began = limited.clock.now
    fail(limited, script, 3)
    blocked = {each["cause"]: each for each in why(limited)["blocked"]}
    assert blocked["person_and_client"]["client_id"] == script.client_id
    assert blocked["person_and_client"]["until"] == began + 15 * MINUTE
    assert "BLOCKED with client old script until" in limited.run("person", "why", "alice")


@pytest.mark.parametrize(
    ("limit", "cause", "line"),
    [
        ("NETID_LIMIT_CLIENT", "client", "BLOCKED everybody with client old script until"),
        ("NETID_LIMIT_ADDRESS", "address", "BLOCKED everybody from 127.0.0.1 until"),
        ("NETID_LIMIT_SERVER", "server", "BLOCKED everybody until"),
    ],
)
def test_blocks_of_every_user_are_reported(
    make_site: Callable[..., Site], limit: str, cause: str, line: str
) -> None:
    """The report has the blocks of the user's programs, of their networks and of the server."""
    site = make_site(**{limit: "3/15minutes"})
    script, began = site.register("old script"), site.clock.now
    for number in range(3):
        assert why(site)["blocked"] == []
        assert site.ask_token(script, password=f"guess {number}").status_code == 400
    (block,) = why(site)["blocked"]
    assert (block["cause"], block["until"]) == (cause, began + 15 * MINUTE)
    assert line in site.run("person", "why", "alice")


@pytest.mark.parametrize(
    ("lockout_status", "blocked"),
    [
        (LockoutStatus(3, 5), True),
        (LockoutStatus(2, 5), False),
        (LockoutStatus(), True),
        (LockoutStatus(5, 0), False),
    ],
)
def test_block_of_lockout_protection_is_reported(
    faked: Site,
    fake: FakeDirectory,
    lockout_status: LockoutStatus,
    blocked: bool,  # noqa: FBT001
) -> None:
    """Lockout protection blocks a user while the directory's count is near its limit."""
    client = faked.register()
    refusal = InvalidCredentials(Refusal.WRONG_PASSWORD)
    refusal.person_id = ALICE.id
    fake.outcome = refusal
    for number in range(3):
        faked.ask_token(client, password=f"guess{number}")
    fake.outcome, fake.account = ALICE, FakeAccount(counted=lockout_status)
    blocks = [(each["cause"], each["until"]) for each in why(faked)["blocked"]]
    assert blocks == ([("shield", None)] if blocked else [])
    assert ("BLOCKED with any client until the directory" in faked.run("person", "why", "alice")) is blocked


def test_failures_of_an_unknown_name_are_reported(limited: Site, script: Registered) -> None:
    """The report has failures of a name that no entry has."""
    fail(limited, script, username="alcie")
    report = why(limited, "alcie")
    assert (report["directory"], report["sub"]) == ("unknown_person", None)
    assert report["failures"][0]["reason"] == "unknown_person"


def test_live_grants_are_reported(limited: Site, script: Registered) -> None:
    """The report lists the logins that live on in tokens."""
    limited.token(script)
    (grant,) = why(limited)["grants"]
    assert grant["client_id"] == script.client_id
    assert "old script" in limited.run("person", "why", "alice")


def test_state_in_the_directory_is_reported(faked: Site, fake: FakeDirectory) -> None:
    """The report has the directory's refusal, its count, and its sentence without control characters."""
    fake.outcome = ALICE
    fake.examine = lambda net_id, *, groups=False: PersonState(  # type: ignore[method-assign]
        ALICE, Refusal.LOCKED, "until\x1b[2J noon", LockoutStatus(failures=5, limit=5)
    )
    report = why(faked)
    assert (report["directory"], report["refusal"], report["sub"]) == ("locked", "locked", ALICE.id)
    assert (report["directory_failures"], report["directory_limit"]) == (5, 5)
    printed = faked.run("person", "why", "alice")
    assert "locked" in printed
    assert "\x1b" not in printed


def test_report_without_the_directory_has_the_rest(faked: Site, fake: FakeDirectory) -> None:
    """If the directory does not answer, the report has everything else."""
    client = faked.register()
    faked.token(client)

    def away(net_id: str, *, groups: bool = False) -> PersonState:
        raise DirectoryUnavailable("gone fishing")

    fake.examine = away  # type: ignore[method-assign]
    report = why(faked)
    assert report["directory"] == "cannot say: gone fishing"
    assert report["sub"] == ALICE.id
    assert len(report["grants"]) == 1


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
    assert json.loads(limited.run("person", "logout", "alice", "--json")) == {"sub": ALICE.id, "ended": 2}
    assert [limited.get("/api/me", token).status_code for token in (*mine, carols)] == [401, 401, 200]
    event = rows(limited, "audit_event")[-1]
    assert (event["event"], event["subject"]) == ("grant.revoked", ALICE.id)
    assert str(event["reason"]).startswith("logout")


def test_logout_of_a_user_without_grants_ends_none(limited: Site) -> None:
    """A user without a login has no grant to end."""
    assert limited.run("person", "logout", "alice").strip() == "Ended 0 grants."


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
        ended = json.loads(faked.run("person", "logout", name, "--json"))
        assert ended == {"sub": ALICE.id, "ended": 1}
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
        result = faked.app.test_cli_runner().invoke(args=["person", "logout", "alice"])
        assert (result.exit_code, result.stdout) == (0, "Ended 0 grants.\n")
        assert "found by their sub alone" in result.stderr
        assert json.loads(faked.run("person", "logout", ALICE.id, "--json"))["ended"] == 1

    def test_reassigned_net_id_must_be_named_by_stable_id(
        self, faked: Site, fake: FakeDirectory, token: str
    ) -> None:
        """If two owners of a Net ID have grants, the operator must name one by stable id."""
        fake.outcome = replace(ALICE, id="of-the-former-alice")
        faked.token(faked.register("q", "--scope", "profile"))
        fake.outcome = replace(ALICE, private=True)
        printed = faked.run("person", "logout", "alice", status=1)
        assert "of-the-former-alice" in printed
        assert ALICE.id in printed
        faked.run("person", "logout", ALICE.id)
        ended = json.loads(faked.run("person", "logout", "of-the-former-alice", "--json"))
        assert ended["ended"] == 1

    def test_present_owner_without_grants_is_not_ambiguous(self, faked: Site, fake: FakeDirectory) -> None:
        """A present owner of the Net ID without grants makes it no ambiguous name."""
        fake.outcome = replace(ALICE, id="of-the-former-alice")
        faked.token(faked.register("q", "--scope", "profile"))
        fake.outcome = ALICE
        assert json.loads(faked.run("person", "logout", "alice", "--json")) == {
            "sub": "of-the-former-alice",
            "ended": 1,
        }
