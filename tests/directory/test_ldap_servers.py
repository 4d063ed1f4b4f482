"""Which servers are used: quarantine, back-off, probes, and the order of preference."""

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
    """Report a failure of a connection that was opened just now."""
    servers.record_failure(uri, servers.epoch(uri), failure)


def state(servers: Servers, uri: str) -> ServerState:
    """The state of one server."""
    return next(status.state for status in servers.statuses() if status.uri == uri)


@pytest.fixture
def clock() -> Clock:
    """The clock, monotonic and not."""
    return Clock()


@pytest.fixture
def make(clock: Clock) -> Callable[..., Servers]:
    """Make servers whose jitter is none: 0.5 is the middle of it."""

    def make_them(*uris: str, random: Callable[[], float] = lambda: 0.5) -> Servers:
        return Servers(uris, clock=clock, monotonic=clock, random=random)

    return make_them


def test_order_is_the_settings(make: Callable[..., Servers]) -> None:
    """Good servers come in the order of preference; the one a login has begun on comes first."""
    servers = make(A, B, C)
    assert servers.candidates() == [A, B, C]
    assert servers.candidates(prefer=C) == [C, A, B]
    assert servers.candidates(avoid=A) == [B, C, A]


def test_back_off_doubles_up_to_half_a_minute(make: Callable[..., Servers], clock: Clock) -> None:
    """A server that fails its probes is left alone for 0.5, 1, 2 ... 30 s while others are good."""
    servers = make(A, B)
    fail(servers, A)
    for seconds in (0.5, 1, 2, 4, 8, 16, 30, 30):
        clock.now += seconds - 0.01
        assert servers.claim_probes(urgent=False) == []
        clock.now += 0.01
        assert servers.claim_probes(urgent=False) == [A]
        servers.probe_failed(A, DOWN)


@pytest.mark.parametrize(("drawn", "seconds"), [(0.0, 0.375), (1.0, 0.625)])
def test_back_off_is_jittered(
    make: Callable[..., Servers], clock: Clock, drawn: float, seconds: float
) -> None:
    """Processes that lost a server together do not come back together."""
    servers = make(A, B, random=lambda: drawn)
    fail(servers, A)
    clock.now += seconds - 0.01
    assert servers.claim_probes(urgent=False) == []
    clock.now += 0.02
    assert servers.claim_probes(urgent=False) == [A]


def test_one_probes_while_others_go_elsewhere(make: Callable[..., Servers], clock: Clock) -> None:
    """A probe is claimed by one caller; until it is answered the server is used by nobody."""
    servers = make(A, B)
    fail(servers, A)
    clock.now += 1
    assert servers.claim_probes(urgent=False) == [A]
    assert servers.claim_probes(urgent=False) == []
    assert state(servers, A) is ServerState.HALF_OPEN
    assert servers.candidates() == [B]
    servers.probe_succeeded(A)
    assert state(servers, A) is ServerState.GOOD


def test_preference_returns_when_it_has_settled(make: Callable[..., Servers], clock: Clock) -> None:
    """A server that is back is used, but first again only after half a minute without a failure."""
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


def test_flapping_server_keeps_its_back_off(make: Callable[..., Servers], clock: Clock) -> None:
    """A server that fails again before it has settled goes on where its back-off stood."""
    servers = make(A, B)
    for failures in (1, 2, 3):
        fail(servers, A)
        assert servers.statuses()[0].failures == failures
        clock.now += 4
        assert servers.claim_probes(urgent=False) == [A]
        servers.probe_succeeded(A)


def test_every_server_down_is_probed_each_second(make: Callable[..., Servers], clock: Clock) -> None:
    """With none left, long back-offs are cut short, and a hung probe keeps no other from being made."""
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


def test_a_night_of_failures_overflows_nothing(make: Callable[..., Servers], clock: Clock) -> None:
    """Any number of failures in a row is a back-off of half a minute."""
    servers = make(A, B)
    fail(servers, A)
    for _ in range(2000):
        clock.now += 31
        assert servers.claim_probes(urgent=False) == [A]
        servers.probe_failed(A, DOWN)
    assert servers.statuses()[0].failures == 2001


def test_failures_at_the_same_time_count_once(make: Callable[..., Servers], clock: Clock) -> None:
    """Connections opened before the last failure are not trusted, and tell nothing new when they fail too."""
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


def test_first_failure_of_a_connection_is_probed_at_once(make: Callable[..., Servers], clock: Clock) -> None:
    """Whether the server or only the connection hangs is found out without a back-off, the first time."""
    servers = make(A)
    servers.record_failure(A, 0, DOWN, probe_now=True)
    assert servers.claim_probes(urgent=True) == [A]
    servers.probe_succeeded(A)
    servers.record_failure(A, servers.epoch(A), DOWN, probe_now=True)
    assert servers.claim_probes(urgent=True) == []


def test_status_tells_the_last_failure(make: Callable[..., Servers], clock: Clock) -> None:
    """State, since when, failures in a row and the cause are there for health, metrics and the doctor."""
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


def test_another_state_is_told(clock: Clock) -> None:
    """Whoever wants to know is told of each server that is in another state, and of it alone."""
    told: list[tuple[str, str]] = []
    servers = Servers(
        ("ldap://a", "ldap://b"),
        clock=clock,
        monotonic=clock,
        random=lambda: 0.5,
        on_change=lambda uri, state: told.append((uri, state)),
    )
    servers.record_failure("ldap://a", servers.epoch("ldap://a"), DirectoryUnavailable("gone"))
    assert told == [("ldap://a", "quarantined")]
    servers.probe_succeeded("ldap://a")
    assert told[-1] == ("ldap://a", "good")
