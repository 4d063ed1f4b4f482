"""Which result codes refuse a user; the others make the directory unavailable (RFC 4511, appendix A)."""

from collections.abc import Callable, Iterator

import pytest

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.scripted import BIND, EXTENDED, SEARCH, Scripted, alice, friendly, message, result, tlv

REFUSED = {
    49: Refusal.WRONG_PASSWORD,
    19: Refusal.LOCKED,
    50: Refusal.REFUSED,
    32: Refusal.REFUSED,
    34: Refusal.REFUSED,
    48: Refusal.REFUSED,
}
ALARMS = {8, 13, 10}
CANNOT_SAY = {1, 2, 3, 7, 11, 12, 14, 51, 52, 53, 54, 71, 80, 118}


@pytest.fixture
def server() -> Iterator[Scripted]:
    """A server that answers every request with success, unless a test changes its script."""
    with Scripted() as scripted:
        yield scripted


@pytest.fixture
def directory(server: Scripted, opened: Callable[..., Directory]) -> Directory:
    """A directory on that server, without TLS and without a service account."""
    return opened(uris=(server.uri,), start_tls=False, user_base="dc=x", login_deadline=2, read_timeout=1)


def answering(operation: int, code: int) -> Callable[[int, int, bytes], bytes | None]:
    """Make a script that answers one operation with a result code, and the others with success."""

    def script(asked: int, message_id: int, request: bytes) -> bytes | None:
        if asked == operation:
            return result(operation, message_id, code, b"invalid DN\0")
        return friendly(asked, message_id, request)

    return script


@pytest.mark.parametrize(("code", "reason"), REFUSED.items())
def test_six_results_refuse_the_user(
    server: Scripted, directory: Directory, code: int, reason: Refusal
) -> None:
    """Each refusal has its reason, and the server's text without NUL for the log."""
    server.script = answering(BIND, code)
    with pytest.raises(InvalidCredentials) as caught:
        directory.find("alice").verify("x")
    assert (caught.value.reason, caught.value.detail) == (reason, "invalid DN")


@pytest.mark.parametrize("code", sorted(ALARMS | CANNOT_SAY))
def test_every_other_result_is_unavailable(server: Scripted, directory: Directory, code: int) -> None:
    """It raises an alarm if only a setting can cure it."""
    server.script = answering(BIND, code)
    with pytest.raises(DirectoryUnavailable) as caught:
        directory.find("alice").verify("x")
    assert caught.value.alarm is (code in ALARMS)


@pytest.mark.parametrize("code", sorted({1, 2, 3, 8, 10, 11, 13, 32, 34, 49, 50, 51, 52, 53, 80}))
def test_no_failed_search_refuses_the_user(server: Scripted, directory: Directory, code: int) -> None:
    """A failed search means nothing for the user."""
    server.script = answering(SEARCH, code)
    for ask in (lambda: directory.find("alice").verify("x"), lambda: directory.read("x"), directory.ping):
        with pytest.raises(DirectoryUnavailable):
            ask()


@pytest.mark.parametrize("code", [49, 53, 19, 50, 32, 48, 8, 51, 52])
def test_no_result_of_our_own_account_refuses_the_user(
    server: Scripted, opened: Callable[..., Directory], code: int
) -> None:
    """Every result of our own account's bind is unavailable; all except 51 and 52 raise an alarm."""
    server.script = answering(BIND, code)
    directory = opened(
        uris=(server.uri, server.uri),
        start_tls=False,
        user_base="dc=x",
        bind_dn="cn=svc",
        bind_password="svc-password",
    )
    with pytest.raises(DirectoryUnavailable) as caught:
        directory.find("alice").verify("x")
    assert caught.value.alarm is (code not in {51, 52})
    assert "svc-password" not in caught.value.cause
    # Another server would count a further failure of the same account.
    assert server.connections == (2 if code in {8, 51, 52} else 1)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x00" * 64,
        message(0, tlv(0x78, tlv(0x0A, b"\x34"), tlv(0x04), tlv(0x04))),
    ],
)
@pytest.mark.parametrize("operation", [BIND, SEARCH])
def test_garbage_is_unavailable(
    server: Scripted, opened: Callable[..., Directory], answer: bytes, operation: int
) -> None:
    """Bytes that are not LDAP are noticed within the deadline."""
    server.script = lambda asked, message_id, request: (
        answer if asked == operation else friendly(asked, message_id, request)
    )
    directory = opened(
        uris=(server.uri,), start_tls=False, user_base="dc=x", login_deadline=0.3, read_timeout=0.2
    )
    with pytest.raises(DirectoryUnavailable):
        directory.find("alice").verify("x")


def test_response_with_another_message_id_is_unavailable(server: Scripted, directory: Directory) -> None:
    """A success with another id does not answer this bind (RFC 4511, 4.1.1.1)."""
    server.script = lambda asked, message_id, request: (
        result(BIND, message_id + 1) if asked == BIND else friendly(asked, message_id, request)
    )
    with pytest.raises(DirectoryUnavailable):
        directory.find("alice").verify("x")


def test_notice_of_disconnection_repeats_a_search(server: Scripted, directory: Directory) -> None:
    """The search is repeated on a new connection (RFC 4511, 4.4.1)."""
    farewell = message(
        0, tlv(0x78, tlv(0x0A, b"\x34"), tlv(0x04), tlv(0x04), tlv(0x8A, b"1.3.6.1.4.1.1466.20036"))
    )
    first = iter([True])
    server.script = lambda asked, message_id, request: (
        farewell if asked == SEARCH and next(first, False) else friendly(asked, message_id, request)
    )
    assert directory.find("alice").verify("x").net_id == "alice"
    # The first, one to repeat the search, and one to bind. One lost connection starts no probe.
    assert server.connections == 3


def test_refused_start_tls_sends_no_password(server: Scripted, opened: Callable[..., Directory]) -> None:
    """Without TLS nothing more is sent (RFC 4513, 3.1)."""
    server.script = answering(EXTENDED, 2)
    directory = opened(uris=(server.uri,), user_base="dc=x", bind_dn="cn=svc", bind_password="svc-password")
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_START_TLS") as caught:
        directory.find("alice").verify("alice-password")
    assert caught.value.alarm
    assert b"1.3.6.1.4.1.1466.20037" in server.received
    assert b"password" not in server.received


def test_response_from_before_tls_is_ignored(server: Scripted, opened: Callable[..., Directory]) -> None:
    """A bind's success that was sent before TLS started does not count (RFC 4513, 3.1.1)."""
    server.script = lambda asked, message_id, _request: (
        result(asked, message_id) + result(BIND, message_id + 1) if asked == EXTENDED else None
    )
    directory = opened(uris=(server.uri,), user_base="dc=x")
    with pytest.raises(DirectoryUnavailable):
        directory.find("alice").verify("alice-password")
    assert b"password" not in server.received


def test_users_bind_is_never_sent_twice(server: Scripted, directory: Directory) -> None:
    """The server may have counted a bind that arrived as a failure."""
    server.script = lambda asked, message_id, request: (
        None if asked == BIND else friendly(asked, message_id, request)
    )
    with pytest.raises(DirectoryUnavailable):
        directory.find("alice").verify("alice-password")
    assert server.received.count(b"alice-password") == 1


def test_lost_search_is_repeated_once(server: Scripted, directory: Directory) -> None:
    """The second try uses a new connection."""
    server.script = lambda asked, message_id, request: (
        None if asked == SEARCH else friendly(asked, message_id, request)
    )
    with pytest.raises(DirectoryUnavailable):
        directory.find("alice").verify("alice-password")
    assert server.connections == 2


def test_dead_idle_connections_are_replaced(server: Scripted, directory: Directory) -> None:
    """Connections that the server closed while they were idle cost no login."""
    for _ in range(3):
        assert directory.find("alice").verify("x").net_id == "alice"
        server.hang_up()
    assert server.connections == 6


def test_size_limit_and_an_entry_is_ambiguous(server: Scripted, directory: Directory) -> None:
    """One entry followed by sizeLimitExceeded is not the only one (RFC 4511, 4.5.1.4)."""
    server.script = lambda asked, message_id, request: (
        alice(message_id)[: -len(result(SEARCH, message_id))] + result(SEARCH, message_id, 4)
        if asked == SEARCH
        else friendly(asked, message_id, request)
    )
    with pytest.raises(InvalidCredentials) as caught:
        directory.find("alice").verify("x")
    assert caught.value.reason is Refusal.AMBIGUOUS
