"""The number of failures after which an attempt is throttled, and which successes reset a count."""

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from login import Cause, Throttled
from login.limits.limits import Limit, parse_limits
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

WRONG = InvalidCredentials(Refusal.WRONG_PASSWORD)
UNKNOWN = InvalidCredentials(Refusal.UNKNOWN_PERSON)


def wrong() -> FakeDirectory:
    """A directory that refuses every password."""
    return FakeDirectory(WRONG, FakeAccount())


def fail(gate: Gate, times: int, **attempt: str) -> None:
    """Guess a wrong password `times` times."""
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            gate.ask(**attempt)


def refused(gate: Gate, **attempt: str) -> Throttled:
    """Log in over a limit, without a request to the directory. Returns the error."""
    directory = gate.directory
    assert isinstance(directory, FakeDirectory)
    tried = len(directory.bound)
    with pytest.raises(Throttled) as caught:
        gate.ask(**attempt)
    assert len(directory.bound) == tried
    return caught.value


def test_limits_are_parsed() -> None:
    """A limit is a number and a time span; a setting may have several limits, or none."""
    assert parse_limits("10/15minutes;100/day") == (Limit(10, 900), Limit(100, 86_400))
    assert parse_limits("5 per hour") == (Limit(5, 3600),)
    assert parse_limits("") == parse_limits(None) == ()


@pytest.mark.parametrize("outcome", [WRONG, UNKNOWN, InvalidCredentials(Refusal.LOCKED)])
def test_attempt_beyond_the_limit_of_a_person_is_refused(outcome: InvalidCredentials) -> None:
    """Over the limit the directory gets no request, whether the person exists or not."""
    gate = Gate(FakeDirectory(outcome, FakeAccount()), person="3/15minutes")
    fail(gate, 3)
    assert refused(gate).cause is Cause.PERSON_AND_CLIENT
    assert refused(gate, client_id="another").cause is Cause.PERSON


def test_right_password_is_not_tried_over_the_limit() -> None:
    """Over the limit the right password gets the answer to a wrong one, so a guesser learns nothing."""
    directory = wrong()
    gate = Gate(directory, person="3/15minutes")
    fail(gate, 3)
    directory.outcome = ALICE
    assert refused(gate, password="alice-password").retry_after == 900


def test_guesses_at_one_person_refuse_nobody_else() -> None:
    """While one person is over the limit, other people log in."""
    directory = wrong()
    gate = Gate(directory, person="3/15minutes")
    fail(gate, 3)
    directory.outcome = ALICE
    directory.account = FakeAccount("bob")
    gate.ask("bob")


@pytest.mark.parametrize("sees_accounts", [True, False])
@pytest.mark.parametrize(
    "typed",
    ["ALICE", " alice", "alice@campus.example", "CAMPUS\\alice", "al\u0130ce", "\u00e0lice", "ali\u0307ce"],
)
def test_spellings_share_a_count(typed: str, sees_accounts: bool) -> None:  # noqa: FBT001
    """Another spelling gives no further guesses, also if no account is readable before the bind."""
    gate = Gate(FakeDirectory(UNKNOWN, FakeAccount()), person="3/15minutes", sees_accounts=sees_accounts)
    fail(gate, 3)
    refused(gate, net_id=typed)


def test_names_that_are_too_long_are_limited() -> None:
    """They are refused without the directory, and count by client, address and server, and as one name."""
    for limits in ({"person": "3/minute"}, {"client": "3/minute"}, {"address": "3/minute"}):
        gate = Gate(**limits)  # type: ignore[arg-type]
        for number in range(3):
            with pytest.raises(InvalidCredentials) as caught:
                gate.ask(f"{number}" + "\u0301" * 256)
            assert caught.value.reason is Refusal.UNACCEPTABLE
        refused(gate, net_id="\u0301" * 16_000)


def test_names_of_one_person_share_a_count() -> None:
    """A second login name of the same person gives no further guesses."""
    gate = Gate(wrong(), person="3/15minutes")
    fail(gate, 3)
    refused(gate, net_id="alice.baker")
    refused(gate, net_id="alice.baker")


def test_window_slides() -> None:
    """Each failure expires by itself; the window has no common start."""
    gate = Gate(wrong(), person="3/15minutes")
    for _ in range(3):
        fail(gate, 1)
        gate.clock.now += 100
    gate.clock.now += 599
    refused(gate)
    gate.clock.now += 1
    fail(gate, 1)
    refused(gate)


def test_several_limits_hold() -> None:
    """A slow limit bounds what a fast one lets through."""
    gate = Gate(wrong(), person="2/minute;3/day")
    fail(gate, 2)
    gate.clock.now += 60
    fail(gate, 1)
    gate.clock.now += 60
    assert refused(gate).retry_after == 86_280


def test_success_resets_the_short_count() -> None:
    """A user who mistypes the password and then logs in has all guesses again."""
    directory = wrong()
    gate = Gate(directory, person="3/15minutes")
    for _ in range(3):
        directory.outcome = WRONG
        fail(gate, 2)
        directory.outcome = ALICE
        gate.ask()


def test_success_does_not_reset_a_slow_count() -> None:
    """A program that logs in every minute does not reset the daily count for an attacker."""
    directory = wrong()
    gate = Gate(directory, person="3/15minutes;5/day")
    for _ in range(2):
        directory.outcome = WRONG
        fail(gate, 2)
        directory.outcome = ALICE
        gate.ask()
    directory.outcome = WRONG
    fail(gate, 1)
    assert refused(gate).retry_after == 86_400


def test_success_does_not_reset_the_count_of_the_address() -> None:
    """An attacker who knows one password cannot reset the count of their address."""
    directory = wrong()
    gate = Gate(directory, address="3/15minutes")
    fail(gate, 2)
    directory.outcome = ALICE
    gate.ask()
    directory.outcome = WRONG
    fail(gate, 1, net_id="bob")
    assert refused(gate, net_id="carol").cause is Cause.ADDRESS


def test_outages_do_not_count() -> None:
    """An unavailable directory adds no failure, before a first failure and after it."""
    directory = FakeDirectory(DirectoryUnavailable("away"), FakeAccount())
    gate = Gate(directory, person="2/15minutes", client="2/15minutes", address="2/minute", server="2/minute")
    for _ in range(5):
        with pytest.raises(DirectoryUnavailable):
            gate.ask()
    directory.outcome = WRONG
    fail(gate, 1)
    directory.outcome = DirectoryUnavailable("away")
    for _ in range(5):
        with pytest.raises(DirectoryUnavailable):
            gate.ask()
    directory.outcome = ALICE
    gate.ask()


@pytest.mark.parametrize(
    ("limits", "cause", "other"),
    [
        ({"client": "3/minute"}, Cause.CLIENT, {"client_id": "another"}),
        ({"address": "3/minute"}, Cause.ADDRESS, {"address": "192.0.2.2"}),
        ({"server": "3/minute"}, Cause.SERVER, None),
    ],
)
def test_limits_of_client_address_and_server_refuse_everybody(
    limits: dict[str, str], cause: Cause, other: dict[str, str] | None
) -> None:
    """Failures also count by client, by address and for the server; each limit refuses only those logins."""
    gate = Gate(wrong(), **limits)  # type: ignore[arg-type]
    for net_id in ("alice", "bob", "carol"):
        fail(gate, 1, net_id=net_id)
    assert refused(gate, net_id="dave").cause is cause
    assert refused(gate, net_id="erin").retry_after == 60
    if other:
        fail(gate, 1, net_id="dave", **other)
    gate.clock.now += 60
    fail(gate, 1, net_id="dave")


def test_addresses_of_a_network_share_a_count() -> None:
    """The 2^64 addresses of one IPv6 subscriber share a count."""
    gate = Gate(FakeDirectory(UNKNOWN, FakeAccount()), address="3/minute")
    for host in range(3):
        fail(gate, 1, net_id=f"name{host}", address=f"2001:db8::{host}")
    refused(gate, net_id="another", address="2001:db8::ffff")
    fail(gate, 1, net_id="another", address="2001:db8:0:1::1")


def test_retry_after_is_coarse() -> None:
    """Retry-After is rounded up to minutes, so it does not reveal when others failed."""
    gate = Gate(wrong(), person="3/15minutes")
    fail(gate, 3)
    gate.clock.now += 61
    assert refused(gate).retry_after == 840
    gate.clock.now += 838
    assert refused(gate).retry_after == 60


def test_client_rate_counts_all_logins() -> None:
    """The client rate counts right and wrong logins of a client; other clients are not affected."""
    gate = Gate(client_rate="3/minute")
    for _ in range(3):
        gate.ask()
    assert refused(gate).cause is Cause.CLIENT_RATE
    gate.ask(client_id="another")
    gate.clock.now += 60
    gate.ask()


def test_empty_password_counts() -> None:
    """An empty password counts as a failure, so that it gives no free answer."""
    gate = Gate(person="3/15minutes")
    fail(gate, 3, password="")
    refused(gate, password="")
