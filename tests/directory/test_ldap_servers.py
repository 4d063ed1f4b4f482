"""Server states: quarantine, back-off, probes, and the order of preference."""

from collections.abc import Callable

import pytest

from directory import DirectoryUnavailable
from directory.ldap import ServerState
from directory.ldap.connections.servers import Servers

A, B, C = "ldap://a", "ldap://b", "ldap://c"
DOWN = DirectoryUnavailable("ldap://a cannot be reached")


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def fail(servers: Servers, uri: str, failure: DirectoryUnavailable = DOWN) -> None:
    """Report the failure of a connection that was opened just now."""
    servers.record_failure(uri, servers.epoch(uri), failure)


def state(servers: Servers, uri: str) -> ServerState:
    """Return the state of one server."""
    return next(status.state for status in servers.statuses() if status.uri == uri)


@pytest.fixture
def clock() -> Clock:
    """One clock for wall time and monotonic time."""
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Callable[..., Servers]:
    """Make servers without jitter, since 0.5 is the middle of its range."""

    def make_them(*uris: str, random: Callable[[], float] = lambda: 0.5) -> Servers:
        return Servers(uris, clock=clock, monotonic=clock, random=random)

    return make_them


def test_good_servers_keep_the_order_of_the_settings(make: Callable[..., Servers]) -> None:
    """Only a preferred server comes first, and an avoided one last."""
    servers = make(A, B, C)
    assert servers.candidates() == [A, B, C]
    assert servers.candidates(prefer=C) == [C, A, B]
    assert servers.candidates(avoid=A) == [B, C, A]


def test_back_off_doubles_up_to_30_seconds(make: Callable[..., Servers], clock: Clock) -> None:
    """While others are good, a failing server is probed after 0.5, 1, 2 ... 30 s."""
    servers = make(A, B)
    fail(servers, A)
    for seconds in (0.5, 1, 2, 4, 8, 16, 30, 30):
        clock.now += seconds - 0.01
        assert servers.claim_probes(urgent=False) == []
        clock.now += 0.01
        assert servers.claim_probes(urgent=False) == [A]
        servers.probe_failed(A, DOWN)


@pytest.mark.parametrize(("drawn", "seconds"), [(0.0, 0.375), (1.0, 0.625)])
def test_back_off_has_jitter(
    make: Callable[..., Servers], clock: Clock, drawn: float, seconds: float
) -> None:
    """Processes that lost a server together do not retry together."""
    servers = make(A, B, random=lambda: drawn)
    fail(servers, A)
    clock.now += seconds - 0.01
    assert servers.claim_probes(urgent=False) == []
    clock.now += 0.02
    assert servers.claim_probes(urgent=False) == [A]


def test_probe_is_claimed_by_one_caller(make: Callable[..., Servers], clock: Clock) -> None:
    """Until the probe is answered, no login uses the server."""
    servers = make(A, B)
    fail(servers, A)
    clock.now += 1
    assert servers.claim_probes(urgent=False) == [A]
    assert servers.claim_probes(urgent=False) == []
    assert state(servers, A) is ServerState.HALF_OPEN
    assert servers.candidates() == [B]
    servers.probe_succeeded(A)
    assert state(servers, A) is ServerState.GOOD


def test_recovered_server_is_preferred_again_after_30_seconds(
    make: Callable[..., Servers], clock: Clock
) -> None:
    """Until then it is used last."""
    servers = make(A, B)
    fail(servers, A)
    clock.now += 1
    servers.claim_probes(urgent=False)
    servers.probe_succeeded(A)
    assert servers.candidates() == [B, A]
    clock.now += 29.9
    assert servers.candidates() == [B, A]
    clock.now += 0.1
    assert servers.candidates() == [A, B]
    assert servers.statuses()[0].failures == 0


def test_flapping_server_keeps_its_failures(make: Callable[..., Servers], clock: Clock) -> None:
    """A failure within 30 s after a recovery continues the back-off."""
    servers = make(A, B)
    for failures in (1, 2, 3):
        fail(servers, A)
        assert servers.statuses()[0].failures == failures
        clock.now += 4
        assert servers.claim_probes(urgent=False) == [A]
        servers.probe_succeeded(A)


def test_every_server_is_probed_each_second_if_none_is_good(
    make: Callable[..., Servers], clock: Clock
) -> None:
    """Long back-offs are cut short, and a hanging probe does not prevent another."""
    servers = make(A, B)
    for uri in (A, B):
        fail(servers, uri)
    for _ in range(8):
        clock.now += 1
        assert servers.claim_probes(urgent=True) == [A, B]
        servers.probe_failed(A, DOWN)  # the probe of B hangs
    servers.probe_succeeded(B)
    servers.probe_failed(B, DOWN)  # an older one, too late
    assert servers.candidates() == [B]


def test_back_off_does_not_overflow(make: Callable[..., Servers], clock: Clock) -> None:
    """The back-off stays at 30 s after thousands of failures in a row."""
    servers = make(A, B)
    fail(servers, A)
    for _ in range(2000):
        clock.now += 31
        assert servers.claim_probes(urgent=False) == [A]
        servers.probe_failed(A, DOWN)
    assert servers.statuses()[0].failures == 2001


def test_failures_of_one_epoch_count_once(make: Callable[..., Servers], clock: Clock) -> None:
    """Connections from before the last failure are not trusted, and their failures are ignored."""
    servers = make(A)
    epoch = servers.epoch(A)
    assert servers.trusts(A, epoch)
    for _ in range(3):
        servers.record_failure(A, epoch, DOWN)
    assert servers.statuses()[0].failures == 1
    clock.now += 1
    servers.claim_probes(urgent=True)
    servers.probe_succeeded(A)
    assert not servers.trusts(A, epoch)
    servers.record_failure(A, epoch, DOWN)
    assert state(servers, A) is ServerState.GOOD


def test_first_failure_is_probed_at_once(make: Callable[..., Servers], clock: Clock) -> None:
    """The first time, a probe without back-off tells a dead connection from a dead server."""
    servers = make(A)
    servers.record_failure(A, 0, DOWN, probe_now=True)
    assert servers.claim_probes(urgent=True) == [A]
    servers.probe_succeeded(A)
    servers.record_failure(A, servers.epoch(A), DOWN, probe_now=True)
    assert servers.claim_probes(urgent=True) == []


def test_status_has_the_last_failure(make: Callable[..., Servers], clock: Clock) -> None:
    """Health, metrics and the directory check need state, time, failures in a row and cause."""
    servers = make(A, B)
    clock.now = 2000.0
    fail(servers, A, DirectoryUnavailable("a certificate", alarm=True))
    clock.now = 2001.0
    one, other = servers.statuses()
    assert (one.state, one.since, one.failures) == (ServerState.QUARANTINED, 2000.0, 1)
    assert (one.cause, one.alarm) == ("a certificate", True)
    assert (other.state, other.since, other.failures, other.cause) == (ServerState.GOOD, 1000.0, 0, None)
    outage = servers.outage()
    assert "ldap://a: a certificate" in outage.cause
    assert outage.alarm


def test_on_change_is_called_with_each_new_state(clock: Clock) -> None:
    """The callback gets the server that changed, and no other."""
    changes: list[tuple[str, str]] = []
    servers = Servers(
        ("ldap://a", "ldap://b"),
        clock=clock,
        monotonic=clock,
        random=lambda: 0.5,
        on_change=lambda uri, state: changes.append((uri, state)),
    )
    servers.record_failure("ldap://a", servers.epoch("ldap://a"), DirectoryUnavailable("gone"))
    assert changes == [("ldap://a", "quarantined")]
    servers.probe_succeeded("ldap://a")
    assert changes[-1] == ("ldap://a", "good")
