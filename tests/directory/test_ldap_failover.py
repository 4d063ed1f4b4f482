"""Three real servers, of which one or all are frozen, killed and restarted."""

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from directory import Directory, DirectoryUnavailable
from directory.ldap import LdapDirectory
from tests.directory.conformance import ALICE
from tests.directory.conftest import MovedClock, recovers_within
from tests.directory.scripted import BIND, SEARCH, Scripted, friendly
from tests.servers.slapd import Slapd

LIMITS = {"connect_timeout": 0.3, "read_timeout": 0.4, "login_deadline": 1.0}
QUICK = 0.1


class Three:
    """Three slapds with the same users, and a directory over them."""

    def __init__(self, make: Callable[..., Slapd], open_it: Callable[..., Directory]) -> None:
        self.clock = MovedClock()
        self.servers = [make() for _ in range(3)]
        self._open_it = open_it
        self.directory = self.opened()

    def opened(self, **changes: Any) -> LdapDirectory:
        """Open a directory over all of them."""
        uris = tuple(server.ldap for server in self.servers)
        directory = self._open_it(
            self.servers[0],
            uris=uris,
            ca_file=self.servers[0].ca_file,
            monotonic=self.clock,
            **{**LIMITS, **changes},
        )
        assert isinstance(directory, LdapDirectory)
        return directory

    def log_in(self) -> float:
        """Log in, which must succeed; return the seconds it took."""
        began = time.monotonic()
        assert self.directory.find("alice").verify("alice-password").id == ALICE
        return time.monotonic() - began

    def states(self) -> list[str]:
        """Return the state of each server."""
        return [status.state for status in self.directory.servers()]


@pytest.fixture
def three(new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory]) -> Three:
    """Three running servers."""
    return Three(new_slapd, on_slapd)


@pytest.mark.parametrize("fault", ["freeze", "kill"])
@pytest.mark.parametrize("warm", [True, False])
def test_one_bad_server_of_three_costs_at_most_one_slow_login(three: Three, fault: str, warm: bool) -> None:  # noqa: FBT001
    """No login fails, whether the server hangs or is dead, with open connections or without."""
    for broken in three.servers[:2]:
        three.directory = three.opened()
        if warm:
            three.log_in()
        getattr(broken, fault)()
        took = [three.log_in() for _ in range(10)]
        assert len([seconds for seconds in took if seconds > QUICK]) <= 1
        assert max(took) < LIMITS["login_deadline"]
        broken.thaw() if fault == "freeze" else broken.start()


def test_flapping_server_fails_no_login(three: Three) -> None:
    """A server that dies and recovers again and again is used less and less."""
    for _ in range(4):
        three.servers[0].kill()
        assert max(three.log_in() for _ in range(4)) < LIMITS["login_deadline"]
        three.servers[0].start()
        three.clock.move(2)
        assert max(three.log_in() for _ in range(4)) < LIMITS["login_deadline"]


def test_recovered_server_is_probed_and_used_again(three: Three) -> None:
    """The probe runs in the background of a login; 30 s later new connections use the server."""
    three.servers[0].kill()
    three.log_in()
    assert three.states() == ["quarantined", "good", "good"]
    three.servers[0].start()
    three.clock.move(1)
    until = time.monotonic() + 2
    while three.states()[0] != "good":
        three.log_in()
        assert time.monotonic() < until
    names = set(three.directory.pools.searches.stats().idle_servers)
    assert names == {three.servers[1].ldap}
    three.clock.move(601)
    three.log_in()
    names = set(three.directory.pools.searches.stats().idle_servers)
    assert names == {three.servers[0].ldap}


@pytest.mark.parametrize(("fault", "cure"), [("freeze", "thaw"), ("kill", "start")])
def test_outage_of_all_servers_is_noticed_and_ended_quickly(three: Three, fault: str, cure: str) -> None:
    """The first logins take their deadline, later ones no time. After a recovery logins work within 2 s."""
    three.log_in()
    for server in three.servers:
        getattr(server, fault)()
    took = []
    for _ in range(22):
        began = time.monotonic()
        with pytest.raises(DirectoryUnavailable):
            three.directory.find("alice").verify("alice-password")
        took.append(time.monotonic() - began)
    assert max(took) < LIMITS["login_deadline"] + 0.2
    # Two may find servers that no login has tried yet, and one each second waits briefly for a probe.
    assert len([seconds for seconds in took if seconds > 0.05]) <= 4
    assert "good" not in three.states()
    getattr(three.servers[2], cure)()
    recovers_within(2, three.log_in)


def test_logins_during_a_server_crash_are_never_wrong(three: Three) -> None:
    """Only a login whose bind was running may be unavailable."""
    outcomes: list[str] = []
    over = threading.Event()

    def log_in() -> None:
        while not over.is_set():
            try:
                outcomes.append(three.directory.find("alice").verify("alice-password").id)
            except DirectoryUnavailable:
                outcomes.append("unavailable")

    threads = [threading.Thread(target=log_in) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    three.servers[0].kill()
    time.sleep(0.2)
    over.set()
    for thread in threads:
        thread.join(5)
    assert set(outcomes) <= {ALICE, "unavailable"}
    assert outcomes.count("unavailable") <= len(threads)
    assert outcomes[-1] == ALICE


def test_search_and_bind_go_to_the_same_server(opened: Callable[..., Directory]) -> None:
    """A user's bind goes to the server of the search, whichever server the pool of binds used last."""
    with Scripted() as one, Scripted() as other:
        clock = MovedClock()
        directory = opened(
            uris=(one.uri, other.uri), start_tls=False, user_base="dc=x", monotonic=clock, **LIMITS
        )
        directory.find("alice").verify("x")
        one.script = lambda operation, message_id, request: (
            None if operation == SEARCH else friendly(operation, message_id, request)
        )
        before = len(one.received)
        directory.find("alice").verify("x")
        # `one` got a search that it did not answer; then `other` got the search and the bind.
        assert b"uid=alice" not in one.received[before:]
        assert bytes([BIND]) in other.received
        assert b"uid=alice" in other.received


def test_connections_that_die_between_logins_fail_no_login(opened: Callable[..., Directory]) -> None:
    """A server that closes every idle connection costs none of 100 logins."""
    with Scripted() as server:
        directory = opened(uris=(server.uri,), start_tls=False, user_base="dc=x", **LIMITS)
        for _ in itertools.repeat(None, 100):
            assert directory.find("alice").verify("x").net_id == "alice"
            server.hang_up()
