"""A network that loses connections: how many logins fail, and that no verdict is wrong."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from directory import Account, Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.conformance import ALICE, log_in
from tests.directory.conftest import SERVICE
from tests.servers.flaky import FlakyNetwork
from tests.servers.proxy import Fault, FaultProxy, Phase
from tests.servers.slapd import Slapd

LOGINS = 200
# A machine that stalls for seconds has not lost a connection.
LIMITS = {"connect_timeout": 10, "read_timeout": 10, "login_deadline": 20}
RIGHT, WRONG = "alice-password", "wrong"


@pytest.fixture
def network(slapd: Slapd) -> Iterator[FlakyNetwork]:
    """A network in front of the common slapd that loses nothing yet."""
    with FlakyNetwork(slapd.port) as running:
        yield running


def look(account: Account) -> None:
    """Read the account before the bind, as the limits do."""
    assert account.person_id


def verdict(directory: Directory, password: str) -> str:
    """Return the outcome of a login."""
    try:
        return log_in(directory, "alice", password, look=look).id
    except InvalidCredentials as refusal:
        return refusal.reason
    except DirectoryUnavailable:
        return "unavailable"


def verdicts(directory: Directory, logins: int = LOGINS) -> Counter[str]:
    """Log in with a right and a wrong password in turn; each verdict must be right or 503."""
    outcomes = [verdict(directory, (RIGHT, WRONG)[number % 2]) for number in range(logins)]
    assert set(outcomes[::2]) <= {ALICE, "unavailable"}
    assert set(outcomes[1::2]) <= {Refusal.WRONG_PASSWORD, "unavailable"}
    return Counter("unavailable" if each == "unavailable" else "good" for each in outcomes)


def states(directory: Any) -> list[str]:
    """Return the state of each server."""
    return [status.state for status in directory.servers()]


@pytest.mark.parametrize("start_tls", [True, False])
def test_one_connection_in_ten_is_reset(
    on_slapd: Callable[..., Directory],
    slapd: Slapd,
    network: FlakyNetwork,
    start_tls: bool,  # noqa: FBT001
) -> None:
    """With one server and new connections for each login, at least 95 % of the logins are good."""
    directory = on_slapd(slapd, uris=(network.uri,), start_tls=start_tls, connection_lifetime=1e-6, **LIMITS)
    network.connections = 0.1
    assert verdicts(directory)["good"] >= 0.95 * LOGINS
    assert network.struck >= 10
    assert states(directory) == ["good"]


@pytest.mark.parametrize("start_tls", [True, False])
@pytest.mark.parametrize("loss", [(0.1, 0.6), (0.02, 0.9)])
def test_lost_chunks_cost_few_logins_beside_their_binds(
    on_slapd: Callable[..., Directory],
    slapd: Slapd,
    network: FlakyNetwork,
    start_tls: bool,  # noqa: FBT001
    loss: tuple[float, float],
) -> None:
    """A bind is two chunks and is never repeated, so one lost chunk in ten leaves at most 81 % good.

    Once the fault has ended, every login is good.
    """
    directory = on_slapd(slapd, uris=(network.uri,), start_tls=start_tls, **LIMITS)
    network.chunks, good = loss
    assert verdicts(directory)["good"] >= good * LOGINS
    assert network.struck
    network.chunks = 0.0
    assert verdicts(directory, 20)["good"] == 20


@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_lost_searches_cost_few_logins(on_slapd: Callable[..., Directory], slapd: Slapd, kind: str) -> None:
    """With one search in ten lost, at least 95 % of the logins are good: a search is repeated once."""
    with FaultProxy(slapd.port, service_dn=SERVICE) as proxy:
        directory = on_slapd(slapd, uris=(proxy.uri,), start_tls=False, **LIMITS)
        with proxy.breaking(Fault(kind, Phase.SEARCH, probability=0.1)):
            assert verdicts(directory)["good"] >= 0.95 * LOGINS
            assert proxy.struck >= 10
            assert states(directory) == ["good"]


@pytest.mark.parametrize("kind", ["reset", "cut", "lose"])
def test_each_lost_bind_costs_its_own_login_alone(
    on_slapd: Callable[..., Directory], slapd: Slapd, kind: str
) -> None:
    """A user's bind is sent once for each login. Its loss makes that login 503, and no other."""
    with FaultProxy(slapd.port, service_dn=SERVICE) as proxy:
        directory = on_slapd(slapd, uris=(proxy.uri,), start_tls=False, **LIMITS)
        with proxy.breaking(Fault(kind, Phase.PERSON_BIND, probability=0.1)):
            assert verdicts(directory)["unavailable"] == proxy.struck >= 10
            assert proxy.person_binds == LOGINS
            assert states(directory) == ["good"]


def test_logins_leave_a_flaky_network_for_a_sound_one(
    on_slapd: Callable[..., Directory], slapd: Slapd, network: FlakyNetwork
) -> None:
    """With a second server behind a sound network, at least 95 % of the logins are good."""
    directory = on_slapd(slapd, uris=(network.uri, slapd.ldap), **LIMITS)
    network.chunks = 0.1
    assert verdicts(directory)["good"] >= 0.95 * LOGINS
