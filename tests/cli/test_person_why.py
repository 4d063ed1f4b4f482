"""`flask person why`: why a user cannot log in, for the help desk."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cli.people.display import in_words
from directory import DirectoryUnavailable, InvalidCredentials, LockoutStatus, PersonState, Refusal
from models import SessionStore, SignInSession
from telemetry import AuditEvent
from tests.cli.refused_logins import MINUTE, fail
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeAccount, FakeDirectory


def why(site: Site, net_id: str = "alice") -> dict[str, Any]:
    """The report on a user, as an object."""
    report: dict[str, Any] = json.loads(site.run("person", "why", net_id, "--json"))
    return report


def refuse(reason: Refusal) -> Callable[..., PersonState]:
    """Make an `examine` that refuses every name."""

    def examine(net_id: str, *, groups: bool = False) -> PersonState:
        raise InvalidCredentials(reason)

    return examine


def refused_login(site: Site, fake: FakeDirectory, reason: Refusal) -> None:
    """Have the directory refuse a login of alice, whose entry shows no reason."""
    refusal = InvalidCredentials(reason)
    refusal.person_id = ALICE.id
    fake.outcome, fake.account = refusal, FakeAccount()
    assert site.ask_token(site.register(), password=f"a password, {reason}").status_code == 400
    fake.outcome = ALICE


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


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_report_on_nobody_fails(limited: Site, options: tuple[str, ...]) -> None:
    """A name that neither the directory nor the failures know is a mistake of the operator."""
    said = limited.run("person", "why", "no-such-id", *options, status=1)
    assert said.strip() == "Error: Nobody is known by this name, and no failure is counted under it."


def test_live_sessions_are_counted(limited: Site) -> None:
    """The help desk sees that a user is signed in with browsers; ended sessions do not count."""
    store = SessionStore(limited.clock)
    with limited.app.app_context():
        for number in range(3):
            now = int(limited.clock.now)
            new = SignInSession(
                id=bytes([number]) * 16,
                directory="default",
                subject=ALICE.id,
                net_id="alice",
                person={},
                auth_time=now,
                amr=("pwd",),
                acr=None,
                password_changed_at=None,
                created_at=now,
                last_used_at=now,
                checked_at=now,
                expires_at=now + 3600,
                ended_at=None,
                address="192.0.2.1",
                user_agent="",
            )
            store.begin(new, bytes([number]) * 32, AuditEvent(event="session.began", at=now))
        store.end(bytes(16), AuditEvent(event="session.ended", at=now))
    assert why(limited)["sessions"] == 2
    assert "Live sign-in sessions: 2." in limited.run("person", "why", "alice")


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


@pytest.mark.parametrize("subject_type", ["public", "pairwise"])
def test_user_is_found_by_the_sub_of_a_token(limited: Site, subject_type: str) -> None:
    """An API has only the `sub` in its log: the report has what that of the Net ID has."""
    client = limited.register("a program", "--scope", "openid", f"--{subject_type}-subject")
    fail(limited, client)
    sub = limited.get("/oauth/userinfo", limited.token(client, scope="openid")).get_json()["sub"]
    assert (sub == ALICE.id) is (subject_type == "public")
    report = why(limited, sub)
    assert (report["directory"], report["net_id"], report["sub"]) == ("may log in", "alice", ALICE.id)
    assert [(each["reason"], each["times"]) for each in report["failures"]] == [("wrong_password", 1)]
    assert len(report["grants"]) == 1


def test_stable_id_without_a_grant_finds_the_user(limited: Site) -> None:
    """A user who never logged in is found by the directory's stable id."""
    assert why(limited, ALICE.id)["directory"] == "may log in"
    assert why(limited, ALICE.id)["net_id"] == "alice"


@pytest.mark.parametrize("known", [True, False])
def test_refused_user_is_found_by_sub(faked: Site, fake: FakeDirectory, known: bool) -> None:  # noqa: FBT001
    """A disabled user is reported as disabled, not as unknown, with a grant and without one."""
    if known:
        faked.token(faked.register())
    fake.examine = refuse(Refusal.UNKNOWN_PERSON)  # type: ignore[method-assign]
    fake.outcome = InvalidCredentials(Refusal.DISABLED, "an administrator did it")
    report = why(faked, ALICE.id)
    assert (report["directory"], report["sub"]) == ("disabled", ALICE.id)
    assert report["detail"] == "an administrator did it"
    assert "The account is disabled." in faked.run("person", "why", ALICE.id)


def test_user_by_sub_is_not_unknown_while_the_directory_is_away(faked: Site, fake: FakeDirectory) -> None:
    """If the second question gets no answer, the report says that the directory cannot say."""
    faked.token(faked.register())
    fake.examine = refuse(Refusal.UNKNOWN_PERSON)  # type: ignore[method-assign]
    fake.outcome = DirectoryUnavailable("gone fishing")
    report = why(faked, ALICE.id)
    assert (report["directory"], report["sub"]) == ("cannot say: gone fishing", ALICE.id)


class TestReasonThatOnlyABindShows:
    """OpenLDAP, for one, says only at a bind that a password has expired."""

    @pytest.fixture
    def expired(self, faked: Site, fake: FakeDirectory) -> Site:
        """A server that saw the directory refuse alice as `expired`, while her entry shows nothing."""
        refused_login(faked, fake, Refusal.EXPIRED)
        refused_login(faked, fake, Refusal.WRONG_PASSWORD)
        return faked

    def test_user_who_was_refused_as_expired_may_not_log_in(self, expired: Site) -> None:
        """The newest reason of the directory is the verdict; a wrong password since changes nothing."""
        report = why(expired)
        assert (report["directory"], report["refusal"]) == ("expired", None)
        assert report["last_refusal"]["reason"] == "expired"
        assert report["last_refusal"]["at"] == expired.clock.now
        printed = expired.run("person", "why", "alice")
        assert "The password or the account has expired. The directory said so at" in printed
        assert "may log in" not in printed

    def test_change_of_the_password_ends_the_verdict(self, expired: Site, fake: FakeDirectory) -> None:
        """After a change of the password the old refusal says nothing."""
        fake.outcome = replace(ALICE, password_changed_at=int(expired.clock.now) + 1)
        assert why(expired)["directory"] == "may log in"
        assert why(expired)["last_refusal"] is None

    def test_success_ends_the_verdict(self, expired: Site) -> None:
        """After a login the old refusal says nothing."""
        expired.token(expired.register("web"))
        assert why(expired)["directory"] == "may log in"

    def test_verdict_is_of_the_last_day(self, expired: Site) -> None:
        """What the directory said more than a day ago may be over."""
        expired.clock.now += 86_401
        assert why(expired)["directory"] == "may log in"

    @pytest.mark.parametrize(
        ("failures", "limit", "directory"),
        [(5, 5, "locked"), (0, 5, "may log in"), (None, None, "locked")],
    )
    def test_lock_that_is_over_is_no_verdict(
        self, faked: Site, fake: FakeDirectory, failures: int | None, limit: int | None, directory: str
    ) -> None:
        """The directory's own count shows that a lock has ended, if the service account may read it."""
        refused_login(faked, fake, Refusal.LOCKED)
        fake.account = FakeAccount(counted=LockoutStatus(failures, limit))
        assert why(faked)["directory"] == directory


@pytest.mark.parametrize("reason", Refusal)
def test_each_reason_is_a_sentence(faked: Site, fake: FakeDirectory, reason: Refusal) -> None:
    """The help desk reads a sentence for each reason, as the directory's view and in the list of failures."""
    refused_login(faked, fake, reason)
    fake.outcome = InvalidCredentials(Refusal.UNKNOWN_PERSON)
    fake.examine = refuse(reason)  # type: ignore[method-assign]
    printed = " ".join(faked.run("person", "why", "alice").split())
    sentence = in_words(reason.value)
    assert sentence != reason.value
    assert sentence.endswith(".")
    assert reason.value not in printed.replace(sentence, "")
    assert sentence in printed
