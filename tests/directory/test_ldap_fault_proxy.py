"""Every fault in every phase of a login: no verdict is wrong, and none is late."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.conformance import ALICE
from tests.directory.conftest import SERVICE, MovedClock, recovers_within
from tests.servers.proxy import Fault, FaultProxy, Phase
from tests.servers.slapd import Slapd

DEADLINE = 0.4
LIMITS = {"connect_timeout": 0.2, "read_timeout": 0.2, "login_deadline": DEADLINE}
GRACE = 0.2
# If a second server is good, the first one gets half of the time.
LONGER = {**LIMITS, "login_deadline": 2 * DEADLINE}

# Faults without an answer take time in every phase, so there are few logins of each.
SLOW = [
    Fault(kind, phase, seconds=0.05, probability=0.8 if phase in {Phase.SEARCH, Phase.PERSON_BIND} else 1)
    for kind, phase in itertools.product(("hang", "drip"), Phase)
    if phase is not Phase.START_TLS and (kind, phase) != ("drip", Phase.CONNECT)
]
QUICK = [
    *(Fault(kind, Phase.CONNECT) for kind in ("refuse", "reset", "close", "garbage")),
    *(
        Fault(kind, phase)
        for kind, phase in itertools.product(
            ("reset", "close", "cut", "lose", "garbage"),
            (Phase.SERVICE_BIND, Phase.SEARCH, Phase.PERSON_BIND),
        )
    ),
    *(
        Fault("code", phase, code)
        for code, phase in itertools.product(
            (1, 2, 3, 8, 10, 11, 13, 51, 52, 80), (Phase.SERVICE_BIND, Phase.SEARCH, Phase.PERSON_BIND)
        )
    ),
    # For the service account it raises an alarm, which has its own tests.
    Fault("code", Phase.PERSON_BIND, 53),
    Fault("code", Phase.SEARCH, 53),
]
QUICK_LOGINS, SLOW_LOGINS = 20, 3


@pytest.fixture
def proxy(slapd: Slapd) -> Iterator[FaultProxy]:
    """A proxy in front of the common slapd."""
    with FaultProxy(slapd.port, service_dn=SERVICE) as running:
        yield running


def verdict(directory: Directory, password: str, deadline: float = DEADLINE) -> str:
    """Return the outcome of a login, which must arrive within the limit."""
    began = time.monotonic()
    try:
        outcome = directory.find("alice").verify(password).id
    except InvalidCredentials as refusal:
        outcome = refusal.reason
    except DirectoryUnavailable:
        outcome = "unavailable"
    assert time.monotonic() - began < deadline + GRACE
    return outcome


def test_the_faults_below_cover_a_thousand_logins() -> None:
    """Counts the verdicts over all faults."""
    assert len(QUICK) * QUICK_LOGINS + len(SLOW) * SLOW_LOGINS >= 1000


@pytest.mark.parametrize("fault", [*QUICK, *SLOW], ids=str)
def test_no_fault_makes_a_wrong_verdict(
    on_slapd: Callable[..., Directory], slapd: Slapd, proxy: FaultProxy, fault: Fault
) -> None:
    """The right password is never refused, a wrong one never accepted, and no bind is sent twice."""
    clock = MovedClock()
    directory = on_slapd(slapd, uris=(proxy.uri,), start_tls=False, monotonic=clock, **LIMITS)
    directory.find("alice").verify("alice-password")
    logins = SLOW_LOGINS if fault in SLOW else QUICK_LOGINS
    before = proxy.person_binds
    outcomes: dict[str, list[str]] = {"alice-password": [], "wrong": []}
    with proxy.breaking(fault if fault in SLOW else replace(fault, probability=0.5)):
        for password in itertools.islice(itertools.cycle(outcomes), logins):
            outcomes[password].append(verdict(directory, password))
            # Every back-off ends, and usually the connections' lifetime too, so no login avoids the fault.
            clock.move(31 if len(outcomes["wrong"]) % 3 == 1 else 601)
        struck = proxy.struck
    assert set(outcomes["alice-password"]) <= {ALICE, "unavailable"}
    assert set(outcomes["wrong"]) <= {Refusal.WRONG_PASSWORD, "unavailable"}
    assert proxy.person_binds - before <= logins
    assert struck or fault.kind == "refuse"
    recovers_within(2, lambda: directory.find("alice").verify("alice-password"))


@pytest.mark.parametrize(
    "fault",
    [
        fault
        for fault in (*QUICK, *(replace(fault, probability=1.0) for fault in SLOW))
        if fault.phase is not Phase.PERSON_BIND and fault.code in {0, 1, 51, 52, 80}
    ],
    ids=str,
)
def test_one_broken_server_fails_no_login(
    on_slapd: Callable[..., Directory], slapd: Slapd, proxy: FaultProxy, fault: Fault
) -> None:
    """With good servers behind a broken one, every login gets its verdict; at most the first is slow."""
    others = (slapd.ldap, slapd.ldapi)
    directory = on_slapd(slapd, uris=(proxy.uri, *others), start_tls=False, **LONGER)
    if fault.phase in {Phase.SEARCH, Phase.CONNECT}:
        directory.find("alice").verify("alice-password")
    with proxy.breaking(fault):
        began = time.monotonic()
        assert verdict(directory, "alice-password", 2 * DEADLINE) == ALICE
        first = time.monotonic()
        for _ in range(5):
            assert verdict(directory, "alice-password") == ALICE
            assert verdict(directory, "wrong") == Refusal.WRONG_PASSWORD
        rest = time.monotonic()
    assert first - began < 2 * DEADLINE
    assert rest - first < 2 * DEADLINE


@pytest.mark.parametrize("kind", ["reset", "lose", "hang"])
def test_logins_avoid_a_server_that_breaks_at_binds(
    on_slapd: Callable[..., Directory], slapd: Slapd, proxy: FaultProxy, kind: str
) -> None:
    """A user's bind that may have arrived is not repeated. Later logins use another server."""
    directory = on_slapd(slapd, uris=(proxy.uri, slapd.ldap), start_tls=False, **LONGER)
    directory.find("alice").verify("alice-password")
    arrived = proxy.person_binds
    with proxy.breaking(Fault(kind, Phase.PERSON_BIND)):
        outcomes = [verdict(directory, "alice-password") for _ in range(6)]
        assert set(outcomes[:2]) <= {ALICE, "unavailable"}
        assert outcomes[2:] == [ALICE] * 4
        assert proxy.person_binds - arrived <= 2


def test_directory_that_is_slow_but_in_time_gives_verdicts(
    on_slapd: Callable[..., Directory], slapd: Slapd, proxy: FaultProxy
) -> None:
    """Right and wrong passwords get their verdicts."""
    directory = on_slapd(slapd, uris=(proxy.uri,), start_tls=False, **LIMITS)
    for phase in (Phase.CONNECT, Phase.SERVICE_BIND, Phase.SEARCH, Phase.PERSON_BIND):
        with proxy.breaking(Fault("delay", phase, seconds=0.1)):
            assert verdict(directory, "alice-password") == ALICE
            assert verdict(directory, "wrong") == Refusal.WRONG_PASSWORD


def test_server_that_refuses_start_tls_gets_no_password(
    on_slapd: Callable[..., Directory], slapd: Slapd, proxy: FaultProxy
) -> None:
    """The next server is used (RFC 4511, 4.14.2)."""
    directory: Any = on_slapd(slapd, uris=(proxy.uri, slapd.ldap), **LONGER)
    with proxy.breaking(Fault("code", Phase.START_TLS, 2)):
        for _ in range(3):
            assert verdict(directory, "alice-password") == ALICE
    assert proxy.person_binds == 0
    first, second = directory.servers()
    assert (first.state, second.state) == ("quarantined", "good")
    assert "StartTLS" in first.cause
    assert first.alarm
