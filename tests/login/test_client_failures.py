"""Failed client authentications are counted by client and by address, and limited."""

import sys

import pytest

from login import Cause, ClientFailures, ClientLimits, ClientThrottled, parse_limits
from login.limits.client_failures import MAX_FAILURES, MAX_GOOD_ADDRESSES
from tests.conftest import Clock

HOME, OFFICE = "192.0.2.1", "198.51.100.1"


def failures(clock: Clock, address: str = "3/minute", client: str = "5/minute") -> ClientFailures:
    """Counts under these limits, by a clock that a test moves."""
    limits = ClientLimits(address=parse_limits(address), client=parse_limits(client))
    return ClientFailures(limits, monotonic=clock)


def fail(counts: ClientFailures, times: int, client: str = "a", address: str = HOME) -> list[Cause | None]:
    """Fail, and return for each failure the limit that was reached, or None."""
    causes: list[Cause | None] = []
    for _ in range(times):
        try:
            counts.count(client, address)
        except ClientThrottled as throttled:
            causes.append(throttled.cause)
        else:
            causes.append(None)
    return causes


def stops(counts: ClientFailures, client: str = "a", address: str = HOME) -> Cause | None:
    """The limit that refuses a right secret, or None."""
    throttled = counts.throttled(client, address)
    return None if throttled is None else throttled.cause


def test_failures_from_an_address_block_it(clock: Clock) -> None:
    """Failures from one address share a limit, whatever clients they name. Other addresses go on."""
    counts = failures(clock)
    causes = [fail(counts, 1, client)[0] for client in "abcd"]
    assert causes == [None, None, None, Cause.ADDRESS]
    assert stops(counts, "z") is Cause.ADDRESS
    assert stops(counts, "z", OFFICE) is None


def test_failures_from_many_addresses_block_a_client(clock: Clock) -> None:
    """Guesses at one client from all addresses share a limit. Other clients go on."""
    counts = failures(clock)
    causes = [fail(counts, 1, "a", f"203.0.113.{number}")[0] for number in range(6)]
    assert causes == [None] * 5 + [Cause.CLIENT]
    assert stops(counts, "a", OFFICE) is Cause.CLIENT
    assert stops(counts, "b", OFFICE) is None


def test_addresses_of_a_network_share_a_count(clock: Clock) -> None:
    """A host with one IPv6 address has a whole /64 of them."""
    counts = failures(clock)
    causes = [fail(counts, 1, "a", f"2001:db8::{number}")[0] for number in range(1, 5)]
    assert causes == [None, None, None, Cause.CLIENT_AND_ADDRESS]


def test_known_good_address_goes_on(clock: Clock) -> None:
    """Guesses from elsewhere, and at others from the same address, lock no client out of its own address."""
    counts = failures(clock)
    counts.succeeded("a", HOME)
    for number in range(9):
        fail(counts, 1, "a", f"203.0.113.{number}")
    fail(counts, 9, "b", HOME)
    assert stops(counts, "a", OFFICE) is Cause.CLIENT
    assert stops(counts, "b", HOME) is not None
    assert stops(counts, "a", HOME) is None


def test_known_good_address_is_limited_by_its_own_failures(clock: Clock) -> None:
    """Guesses from a client's own address are limited there as from any other."""
    counts = failures(clock)
    counts.succeeded("a", HOME)
    assert fail(counts, 4) == [None, None, None, Cause.CLIENT_AND_ADDRESS]
    assert stops(counts) is Cause.CLIENT_AND_ADDRESS


def test_failure_does_not_reveal_whose_address_it_is(clock: Clock) -> None:
    """Beyond an address's limit a failure of its own client gets the same answer, and still counts."""
    counts = failures(clock)
    counts.succeeded("a", HOME)
    fail(counts, 3, "b")
    assert fail(counts, 3) == [Cause.ADDRESS] * 3
    assert stops(counts) is Cause.CLIENT_AND_ADDRESS


def test_known_address_expires_after_a_day(clock: Clock) -> None:
    """An address that a client has not used for a day is like any other."""
    counts = failures(clock)
    counts.succeeded("a", HOME)
    clock.now += 86_399
    fail(counts, 3, "b")
    assert stops(counts) is None
    clock.now += 1
    assert stops(counts) is Cause.ADDRESS


def test_use_keeps_an_address_known(clock: Clock) -> None:
    """An address that is in use stays known."""
    counts = failures(clock)
    for _ in range(50):
        counts.succeeded("a", HOME)
        clock.now += 3000
    fail(counts, 3, "b")
    assert stops(counts) is None


def test_windows_slide(clock: Clock) -> None:
    """Each failure counts for the length of the window; an attempt beyond the limit does not count."""
    counts = failures(clock)
    for _ in range(3):
        fail(counts, 1)
        clock.now += 20
    clock.now -= 0.5
    assert fail(counts, 9) == [Cause.CLIENT_AND_ADDRESS] * 9
    clock.now += 0.5
    assert fail(counts, 2) == [None, Cause.CLIENT_AND_ADDRESS]


def test_retry_after_is_in_whole_minutes(clock: Clock) -> None:
    """As for logins, the answer reveals nothing of the counts."""
    counts = failures(clock, "1/15minutes")
    fail(counts, 1)
    clock.now += 61
    throttled = counts.throttled("a", HOME)
    assert throttled is not None
    assert throttled.retry_after == 840


def test_every_limit_holds(clock: Clock) -> None:
    """One reached limit of several refuses, however old its failures are."""
    counts = failures(clock, "2/minute;4/hour", "")
    assert fail(counts, 3)[2] is not None
    clock.now += 60
    assert fail(counts, 3)[2] is not None
    clock.now += 60
    assert fail(counts, 1)[0] is not None


@pytest.mark.parametrize(("address", "client"), [("", ""), ("", "5/minute"), ("3/minute", "")])
def test_empty_is_no_limit(clock: Clock, address: str, client: str) -> None:
    """A count without a limit refuses nothing."""
    counts = failures(clock, address, client)
    by_client = [fail(counts, 1, "a", f"203.0.113.{number}")[0] for number in range(10)]
    by_address = [fail(counts, 1, f"client{number}")[0] for number in range(10)]
    assert (Cause.CLIENT in by_client) is bool(client)
    assert (Cause.ADDRESS in by_address) is bool(address)


def test_memory_is_bounded(clock: Clock) -> None:
    """Neither many ids, long ids nor many addresses exceed the bound on memory."""
    counts = failures(clock, "100/15minutes", "300/15minutes")
    for number in range(MAX_FAILURES + 500):
        fail(counts, 1, f"{number}" + "x" * 1000, f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    for number in range(MAX_GOOD_ADDRESSES + 500):
        counts.succeeded(f"{number}", HOME)
    kept = counts.stats()
    assert kept.failures == MAX_FAILURES
    assert kept.counts <= 3 * MAX_FAILURES
    assert kept.good_addresses == MAX_GOOD_ADDRESSES
    assert sys.getsizeof(b"") + kept.longest_key < 100


def test_flood_empties_no_count(clock: Clock) -> None:
    """Thousands of addresses gain an attacker no further guess; a known address goes on."""
    counts = failures(clock, "100/15minutes", "300/15minutes")
    counts.succeeded("a", OFFICE)
    guesses = [cause for n in range(20) for cause in fail(counts, 100, "a", f"2001:db8:1:{n:x}::1")]
    for number in range(300):
        fail(counts, 100, f"nobody {number}", f"2001:db8:2:{number:x}::1")
    guesses += [cause for n in range(20) for cause in fail(counts, 100, "a", f"2001:db8:3:{n:x}::1")]
    assert guesses.count(None) == 300
    assert (stops(counts), stops(counts, "b")) == (Cause.CLIENT, Cause.SERVER)
    assert stops(counts, "a", OFFICE) is None
    assert fail(counts, 1, "a", OFFICE) == [Cause.CLIENT]
    counts.succeeded("b", OFFICE)
    assert fail(counts, 1, "b", OFFICE) == fail(counts, 1, "c", OFFICE) == [Cause.SERVER]
    assert counts.stats().failures == MAX_FAILURES
    clock.now += 900
    assert stops(counts) is None


def test_failures_older_than_every_window_are_dropped(clock: Clock) -> None:
    """Old failures take no memory."""
    counts = failures(clock)
    for number in range(100):
        counts.count(f"{number}", f"203.0.113.{number}")
    clock.now += 60
    assert stops(counts) is None
    assert (counts.stats().failures, counts.stats().counts) == (0, 0)
    assert counts.throttled("a", HOME) is None


def test_limit_beyond_memory_is_met(clock: Clock) -> None:
    """A limit above the number of failures that are kept is reached at that number."""
    counts = failures(clock, f"{MAX_FAILURES * 2}/day", "")
    for _ in range(MAX_FAILURES):
        counts.count("a", HOME)
    assert stops(counts) is Cause.CLIENT_AND_ADDRESS


def test_any_text_is_a_client_id(clock: Clock) -> None:
    """A lone surrogate is counted as an unknown client."""
    assert fail(failures(clock), 1, "\ud800") == [None]
