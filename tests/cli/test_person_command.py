"""`flask person …`: why somebody cannot log in, letting them in again, and ending their logins."""

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
    """A directory that says yes, until a test tells it otherwise."""
    return FakeDirectory()


@pytest.fixture
def faked(make_site: Callable[..., Site], fake: FakeDirectory) -> Site:
    """An application over the fake directory."""
    return make_site(fake)


@pytest.fixture
def limited(make_site: Callable[..., Site]) -> Site:
    """A server that lets a person fail three times in a quarter of an hour, and five times a day."""
    return make_site(NETID_LIMIT_PERSON="3/15minutes;5/day")


@pytest.fixture
def script(limited: Site) -> Registered:
    """A program that has an old password."""
    return limited.register("old script", "--scope", "profile")


def why(site: Site, net_id: str = "alice") -> dict[str, Any]:
    """What is told of a person, as an object."""
    told: dict[str, Any] = json.loads(site.run("person", "why", net_id, "--json"))
    return told


def fail(site: Site, client: Registered, times: int = 1, **changes: str) -> None:
    """Refused logins, a minute apart."""
    for _ in range(times):
        assert site.ask_token(client, password="old", **changes).status_code in {400, 429}
        site.clock.now += MINUTE


def test_failures_are_told_by_client_and_address(limited: Site, script: Registered) -> None:
    """Which program, from where, why and how often: however the name was written."""
    fail(limited, script)
    fail(limited, script, username=" ALICE")
    (told,) = why(limited)["failures"]
    assert (told["client_id"], told["client_name"]) == (script.client_id, "old script")
    assert (told["address"], told["reason"], told["times"]) == ("127.0.0.1", "wrong_password", 2)
    assert told["last_at"] - told["first_at"] == MINUTE


def test_who_is_blocked_is_told_until_when(limited: Site, script: Registered) -> None:
    """The client that is over the limit with this person, and when it may try again."""
    assert why(limited)["blocked"] == []
    began = limited.clock.now
    fail(limited, script, 3)
    blocked = {each["cause"]: each for each in why(limited)["blocked"]}
    assert blocked["person_and_client"]["client_id"] == script.client_id
    assert blocked["person_and_client"]["until"] == began + 15 * MINUTE
    assert "BLOCKED with client old script until" in limited.run("person", "why", "alice")


@pytest.mark.parametrize(
    ("limit", "cause", "told"),
    [
        ("NETID_LIMIT_CLIENT", "client", "BLOCKED everybody with client old script until"),
        ("NETID_LIMIT_ADDRESS", "address", "BLOCKED everybody from 127.0.0.1 until"),
        ("NETID_LIMIT_SERVER", "server", "BLOCKED everybody until"),
    ],
)
def test_what_is_blocked_for_everybody_is_told(
    make_site: Callable[..., Site], limit: str, cause: str, told: str
) -> None:
    """A person meets the blocks of their programs, of where they come from, and of the server."""
    site = make_site(**{limit: "3/15minutes"})
    script, began = site.register("old script"), site.clock.now
    for number in range(3):
        assert why(site)["blocked"] == []
        assert site.ask_token(script, password=f"guess {number}").status_code == 400
    (block,) = why(site)["blocked"]
    assert (block["cause"], block["until"]) == (cause, began + 15 * MINUTE)
    assert told in site.run("person", "why", "alice")


@pytest.mark.parametrize(
    ("lockout_status", "blocked"),
    [
        (LockoutStatus(3, 5), True),
        (LockoutStatus(2, 5), False),
        (LockoutStatus(), True),
        (LockoutStatus(5, 0), False),
    ],
)
def test_block_of_the_shield_is_told(
    faked: Site,
    fake: FakeDirectory,
    lockout_status: LockoutStatus,
    blocked: bool,  # noqa: FBT001
) -> None:
    """Whom the shield keeps from the directory is blocked, while the directory's count is so full."""
    client = faked.register()
    refusal = InvalidCredentials(Refusal.WRONG_PASSWORD)
    refusal.person_id = ALICE.id
    fake.outcome = refusal
    for number in range(3):
        faked.ask_token(client, password=f"guess{number}")
    fake.outcome, fake.account = ALICE, FakeAccount(counted=lockout_status)
    told = [(each["cause"], each["until"]) for each in why(faked)["blocked"]]
    assert told == ([("shield", None)] if blocked else [])
    assert ("BLOCKED with any client until the directory" in faked.run("person", "why", "alice")) is blocked


def test_name_that_nobody_has(limited: Site, script: Registered) -> None:
    """Failures under a name that no entry has are told too."""
    fail(limited, script, username="alcie")
    told = why(limited, "alcie")
    assert (told["directory"], told["sub"]) == ("unknown_person", None)
    assert told["failures"][0]["reason"] == "unknown_person"


def test_live_grants_are_told(limited: Site, script: Registered) -> None:
    """Which logins live on in tokens."""
    limited.token(script)
    (grant,) = why(limited)["grants"]
    assert grant["client_id"] == script.client_id
    assert "old script" in limited.run("person", "why", "alice")


def test_state_in_the_directory_is_told(faked: Site, fake: FakeDirectory) -> None:
    """What the directory says for certain, its own count, and its sentence without control characters."""
    fake.outcome = ALICE
    fake.examine = lambda net_id, *, groups=False: PersonState(  # type: ignore[method-assign]
        ALICE, Refusal.LOCKED, "until\x1b[2J noon", LockoutStatus(failures=5, limit=5)
    )
    told = why(faked)
    assert (told["directory"], told["refusal"], told["sub"]) == ("locked", "locked", ALICE.id)
    assert (told["directory_failures"], told["directory_limit"]) == (5, 5)
    printed = faked.run("person", "why", "alice")
    assert "locked" in printed
    assert "\x1b" not in printed


def test_directory_that_is_away_hides_nothing(faked: Site, fake: FakeDirectory) -> None:
    """Without the directory the rest is told."""
    client = faked.register()
    faked.token(client)

    def away(net_id: str, *, groups: bool = False) -> PersonState:
        raise DirectoryUnavailable("gone fishing")

    fake.examine = away  # type: ignore[method-assign]
    told = why(faked)
    assert told["directory"] == "cannot say: gone fishing"
    assert told["sub"] == ALICE.id
    assert len(told["grants"]) == 1


def test_unblock_lets_in_at_once(limited: Site, script: Registered) -> None:
    """Who was over every limit can log in, and the audit has who let them; counts of addresses stay."""
    fail(limited, script, 3)
    assert limited.ask_token(script).status_code == 429
    told = json.loads(limited.run("person", "unblock", "alice", "--json"))
    assert (told["sub"], told["failures"]) == (ALICE.id, 3)
    assert limited.ask_token(script).status_code == 200
    event = next(row for row in rows(limited, "audit_event") if row["event"] == "person.unblocked")
    assert event["subject"] == ALICE.id
    assert "3 failures" in str(event["reason"])
    assert len(rows(limited, "login_failure")) == 3


def test_unblock_reaches_every_name_of_the_person(limited: Site, script: Registered) -> None:
    """What failed under another name of theirs, before anybody was looked for, counts no more either."""
    fail(limited, script, username="alice ")
    assert limited.ask_token(script, username="ALICE", password="").status_code == 400
    assert json.loads(limited.run("person", "unblock", ALICE.id, "--json"))["failures"] == 2


def test_unblock_is_of_one_person(limited: Site, script: Registered) -> None:
    """Other people's counts stay as they are."""
    fail(limited, script, 3, username="carol")
    limited.run("person", "unblock", "alice")
    assert limited.ask_token(script, username="carol", password="carol-password").status_code == 429


def test_logout_ends_every_login(limited: Site, script: Registered) -> None:
    """Every token of the person is dead, with every client, and the audit says by whom; others live on."""
    other = limited.register("another")
    mine = [limited.token(script), limited.token(other)]
    carols = limited.token(script, username="carol", password="carol-password")
    assert json.loads(limited.run("person", "logout", "alice", "--json")) == {"sub": ALICE.id, "ended": 2}
    assert [limited.get("/api/me", token).status_code for token in (*mine, carols)] == [401, 401, 200]
    event = rows(limited, "audit_event")[-1]
    assert (event["event"], event["subject"]) == ("grant.revoked", ALICE.id)
    assert str(event["reason"]).startswith("operator, logout")


def test_logout_of_nobody(limited: Site) -> None:
    """Somebody without a login has none to end."""
    assert limited.run("person", "logout", "alice").strip() == "Ended 0 grants."


class TestPrivate:
    """A user who asked for privacy, whose grants hold no Net ID."""

    @pytest.fixture
    def token(self, faked: Site, fake: FakeDirectory) -> str:
        """A token of theirs."""
        fake.outcome = replace(ALICE, private=True)
        return faked.token(faked.register("p", "--scope", "profile"))

    @pytest.mark.parametrize("name", ["alice", ALICE.id])
    def test_logout_finds_them(self, faked: Site, token: str, name: str) -> None:
        """The directory says whose Net ID it is; a stable id needs nobody to say so."""
        assert faked.get("/api/me", token).status_code == 200
        told = json.loads(faked.run("person", "logout", name, "--json"))
        assert told == {"sub": ALICE.id, "ended": 1}
        assert faked.get("/api/me", token).status_code == 401

    @pytest.mark.parametrize(
        "command",
        [
            ("grant", "list", "--person", "alice"),
            ("audit", "list", "--person", "alice"),
            ("person", "why", "alice"),
        ],
    )
    def test_lists_find_them(self, faked: Site, token: str, command: tuple[str, ...]) -> None:
        """Whoever answers for the server finds their grants and events by the Net ID."""
        assert ALICE.id in faked.run(*command)

    def test_revoke_finds_them(self, faked: Site, token: str) -> None:
        """Their grants end by Net ID."""
        assert "Ended 1 grant." in faked.run("grant", "revoke", "--person", "alice", "--yes")
        assert faked.get("/api/me", token).status_code == 401

    def test_directory_that_is_away_is_told_of(self, faked: Site, fake: FakeDirectory, token: str) -> None:
        """Without the directory they are found by their stable id alone, and the operator is told so."""
        fake.outcome = DirectoryUnavailable("away")
        result = faked.app.test_cli_runner().invoke(args=["person", "logout", "alice"])
        assert (result.exit_code, result.stdout) == (0, "Ended 0 grants.\n")
        assert "found by their sub alone" in result.stderr
        assert json.loads(faked.run("person", "logout", ALICE.id, "--json"))["ended"] == 1

    def test_net_id_of_somebody_before(self, faked: Site, fake: FakeDirectory, token: str) -> None:
        """Where their Net ID was another's before, and both have grants, neither is ended unasked."""
        fake.outcome = replace(ALICE, id="of-the-former-alice")
        faked.token(faked.register("q", "--scope", "profile"))
        fake.outcome = replace(ALICE, private=True)
        printed = faked.run("person", "logout", "alice", status=1)
        assert "of-the-former-alice" in printed
        assert ALICE.id in printed
        faked.run("person", "logout", ALICE.id)
        told = json.loads(faked.run("person", "logout", "of-the-former-alice", "--json"))
        assert told["ended"] == 1

    def test_name_without_grants_of_its_present_owner(self, faked: Site, fake: FakeDirectory) -> None:
        """Whoever has the Net ID now, but no grants, is in nobody's way."""
        fake.outcome = replace(ALICE, id="of-the-former-alice")
        faked.token(faked.register("q", "--scope", "profile"))
        fake.outcome = ALICE
        assert json.loads(faked.run("person", "logout", "alice", "--json")) == {
            "sub": "of-the-former-alice",
            "ended": 1,
        }
