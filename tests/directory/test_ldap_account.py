"""Our own account: left alone when it is refused, and its password read again from its file."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from directory import Directory, DirectoryUnavailable
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.service_account import ServiceAccount
from directory.ldap.protocol.entry import Answer
from directory.ldap.protocol.results import ServiceAccountRefused
from tests.directory.conformance import ALICE
from tests.directory.conftest import SERVICE, MovedClock
from tests.directory.scripted import BIND, Scripted, friendly, result
from tests.loading import keep_secret
from tests.servers.slapd import Slapd

Refused = tuple[Scripted, Directory, MovedClock]


@pytest.fixture(params=[49, 53])
def refused(opened: Callable[..., Directory], request: pytest.FixtureRequest) -> Iterator[Refused]:
    """A directory whose server refuses our account with this result."""
    clock = MovedClock()

    def script(operation: int, message_id: int, sent: bytes) -> bytes | None:
        if operation == BIND and b"cn=svc" in sent:
            return result(BIND, message_id, request.param)
        return friendly(operation, message_id, sent)

    with Scripted(script) as server:
        settings = {"start_tls": False, "user_base": "dc=x", "bind_dn": "cn=svc", "bind_password": "x"}
        yield server, opened(uris=(server.uri,), monotonic=clock, **settings), clock


def log_in_vainly(directory: Directory) -> DirectoryUnavailable:
    """A login that must be unavailable, with an alarm that names the setting."""
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_PASSWORD") as caught:
        directory.find("alice").verify("alice-password")
    assert caught.value.alarm
    return caught.value


def test_refused_account_is_left_alone(refused: Refused) -> None:
    """Each further bind would bring it nearer to being locked: no connection, and 503 at once."""
    server, directory, _ = refused
    log_in_vainly(directory)
    assert server.connections == 1
    began = time.monotonic()
    for _ in range(20):
        assert "so that it is not locked" in log_in_vainly(directory).cause
    assert time.monotonic() - began < 0.1
    assert server.connections == 1


def test_refused_account_is_tried_again_slowly(refused: Refused) -> None:
    """After 1, 2, 4 and then every 5 minutes one bind is tried."""
    server, directory, clock = refused
    log_in_vainly(directory)
    for tries, seconds in enumerate((60, 120, 240, 300, 300), 2):
        clock.move(seconds - 1)
        log_in_vainly(directory)
        assert server.connections == tries - 1
        clock.move(1)
        log_in_vainly(directory)
        assert server.connections == tries


def test_refused_account_is_not_the_servers_fault(refused: Refused) -> None:
    """The server is good, and when it accepts the account logins go on."""
    server, directory, clock = refused
    log_in_vainly(directory)
    assert [status.state for status in directory.servers()] == ["good"]  # type: ignore[attr-defined] # LDAP's own
    server.script = friendly
    clock.move(60)
    assert directory.find("alice").verify("x").net_id == "alice"


def test_many_logins_try_a_wrong_password_once(refused: Refused) -> None:
    """Logins that come together at the start do not spend as many tries of the account."""
    server, directory, _ = refused
    threads = [threading.Thread(target=log_in_vainly, args=(directory,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert server.connections == 1


def test_password_is_read_again_from_its_file(
    on_slapd: Callable[..., Directory], slapd: Slapd, tmp_path: Path
) -> None:
    """A wrong password in the file is an alarm; put right, the next login goes through, without a restart."""
    file = keep_secret(tmp_path / "password", "of last year\n")
    clock = MovedClock()
    directory = on_slapd(slapd, bind_password="of last year", bind_password_file=file, monotonic=clock)
    log_in_vainly(directory)
    assert "NETID_LDAP_BIND_PASSWORD_FILE" in log_in_vainly(directory).cause
    file.write_text("svc-password\n")
    assert directory.find("alice").verify("alice-password").id == ALICE
    file.unlink()
    clock.move(600)
    assert directory.find("alice").verify("alice-password").id == ALICE


def test_new_connections_use_the_new_password(opened: Callable[..., Directory], tmp_path: Path) -> None:
    """A password that changes while all is well is used from the next connection on."""
    file = keep_secret(tmp_path / "password", "first")
    clock = MovedClock()
    with Scripted() as server:
        directory = opened(
            uris=(server.uri,),
            start_tls=False,
            user_base="dc=x",
            bind_dn=SERVICE,
            bind_password="first",
            bind_password_file=file,
            monotonic=clock,
        )
        directory.find("alice").verify("x")
        file.write_text("second")
        directory.find("alice").verify("x")
        assert b"second" not in server.received
        clock.move(600)
        directory.find("alice").verify("x")
        assert b"second" in server.received


def test_many_connections_try_a_changed_password_once() -> None:
    """A password that was good and is refused now is tried by one connection, not by each that opens."""

    class Server:
        tries = 0
        code = 0

        def bind(self, dn: str, password: bytes) -> Answer:
            self.tries += 1
            return Answer(self.code, "")

    server = Server()
    account = ServiceAccount("cn=svc", "secret", password_file=None, monotonic=time.monotonic)

    def connect(_: int) -> None:
        deadline = Deadline(5, time.monotonic)
        with account.connecting(deadline):
            account.bind(cast("LdapConnection", server), deadline)

    connect(0)
    server.code, server.tries = 49, 0

    def refused(number: int) -> bool:
        with pytest.raises(ServiceAccountRefused):
            connect(number)
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(refused, range(8)))
    assert server.tries == 1
