"""The service account: it is not tried again at once after a refusal, and its password file is read again."""

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
    """A directory whose server refuses the service account with this result."""
    clock = MovedClock()

    def script(operation: int, message_id: int, sent: bytes) -> bytes | None:
        if operation == BIND and b"cn=svc" in sent:
            return result(BIND, message_id, request.param)
        return friendly(operation, message_id, sent)

    with Scripted(script) as server:
        settings = {"start_tls": False, "user_base": "dc=x", "bind_dn": "cn=svc", "bind_password": "x"}
        yield server, opened(uris=(server.uri,), monotonic=clock, **settings), clock


def failed_login(directory: Directory) -> DirectoryUnavailable:
    """Log in, which must fail with an alarm that names the setting. Returns the error."""
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_BIND_PASSWORD") as caught:
        directory.find("alice").verify("alice-password")
    assert caught.value.alarm
    return caught.value


def test_refused_account_is_not_tried_again_at_once(refused: Refused) -> None:
    """Each further bind could lock the account, so logins get 503 without a connection."""
    server, directory, _ = refused
    failed_login(directory)
    assert server.connections == 1
    began = time.monotonic()
    for _ in range(20):
        assert "so that it is not locked" in failed_login(directory).cause
    assert time.monotonic() - began < 0.1
    assert server.connections == 1


def test_refused_account_is_tried_again_with_a_back_off(refused: Refused) -> None:
    """One bind is tried after 1, 2 and 4 minutes, and then every 5 minutes."""
    server, directory, clock = refused
    failed_login(directory)
    for tries, seconds in enumerate((60, 120, 240, 300, 300), 2):
        clock.move(seconds - 1)
        failed_login(directory)
        assert server.connections == tries - 1
        clock.move(1)
        failed_login(directory)
        assert server.connections == tries


def test_refused_account_does_not_mark_the_server_as_failed(refused: Refused) -> None:
    """The server stays good, and logins work again once it accepts the account."""
    server, directory, clock = refused
    failed_login(directory)
    assert [status.state for status in directory.servers()] == ["good"]  # type: ignore[attr-defined] # LDAP's own
    server.script = friendly
    clock.move(60)
    assert directory.find("alice").verify("x").net_id == "alice"


def test_many_logins_try_a_wrong_password_once(refused: Refused) -> None:
    """Simultaneous logins at the start make one attempt together."""
    server, directory, _ = refused
    threads = [threading.Thread(target=failed_login, args=(directory,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert server.connections == 1


def test_password_is_read_again_from_its_file(
    on_slapd: Callable[..., Directory], slapd: Slapd, tmp_path: Path
) -> None:
    """After a wrong password in the file is corrected, the next login succeeds without a restart."""
    file = keep_secret(tmp_path / "password", "of last year\n")
    clock = MovedClock()
    directory = on_slapd(slapd, bind_password="of last year", bind_password_file=file, monotonic=clock)
    failed_login(directory)
    assert "NETID_LDAP_BIND_PASSWORD_FILE" in failed_login(directory).cause
    file.write_text("svc-password\n")
    assert directory.find("alice").verify("alice-password").id == ALICE
    file.unlink()
    clock.move(600)
    assert directory.find("alice").verify("alice-password").id == ALICE


def test_new_connections_use_the_new_password(opened: Callable[..., Directory], tmp_path: Path) -> None:
    """A changed password is used from the next connection on."""
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
    """A password that is no longer accepted is tried by one connection, not by each new one."""

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
