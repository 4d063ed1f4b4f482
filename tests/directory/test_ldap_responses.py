"""Which responses answer a request: exactly one, of its kind, with a result code (RFC 4511, section 4)."""

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from ldap3 import NONE, Server

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap import LdapDirectory
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.dial import dial
from directory.ldap.connections.sockets import DeadlineSocket
from directory.ldap.connections.uri import ServerUri
from directory.ldap.protocol.entry import Answer, SearchResult
from tests.directory.scripted import (
    BIND,
    EXTENDED,
    SEARCH,
    OverStartTls,
    Script,
    Scripted,
    alice,
    friendly,
    message,
    result,
    tlv,
)

START_TLS = b"1.3.6.1.4.1.1466.20037"
OWN = {BIND: 0x61, SEARCH: 0x65, EXTENDED: 0x78}
# RFC 4511: responses to a bind, a search, a modification, an addition, a comparison; extended, intermediate.
RESPONSES = (0x61, 0x65, 0x67, 0x69, 0x6F, 0x78, 0x79)
LIMITS = {"start_tls": False, "user_base": "dc=x", "read_timeout": 0.5, "login_deadline": 1}
SERVICE = {"bind_dn": "cn=svc", "bind_password": "svc-password"}

Answered = Callable[[int, int], bytes]


def done(tag: int, code: bytes = tlv(0x0A, b"\0")) -> bytes:
    """Make a result with any operation's tag; success by default."""
    return tlv(tag, code, tlv(0x04), tlv(0x04))


def wrong_answers(operation: int) -> dict[str, Answered]:
    """Name the responses that must not count as success; each is made from a tag and a message id."""
    refused = tlv(0x0A, b"\x31")
    answers: dict[str, Answered] = {
        f"operation {tag:x}": lambda _, number, tag=tag: message(number, done(tag))  # type: ignore[misc]
        for tag in RESPONSES
        if tag != OWN[operation]
    }
    answers |= {
        "empty code": lambda own, number: message(number, done(own, tlv(0x0A))),
        "code of text": lambda own, number: message(number, done(own, tlv(0x04, b"0"))),
        "code of a boolean": lambda own, number: message(number, done(own, tlv(0x01, b"\0"))),
        "no code": lambda own, number: message(number, tlv(own, tlv(0x04), tlv(0x04))),
        "code alone": lambda own, number: message(number, tlv(own, tlv(0x0A, b"\0"))),
        "long code": lambda own, number: message(number, done(own, tlv(0x0A, bytes(5)))),
        "no, then yes": lambda own, number: message(number, done(own, refused)) + message(number, done(own)),
        "yes, then no": lambda own, number: message(number, done(own)) + message(number, done(own, refused)),
        "yes, then yes": lambda own, number: message(number, done(own)) * 2,
        "another's yes": lambda own, number: message(number + 1, done(own)),
        "yes, then a notification": lambda own, number: message(number, done(own)) + message(0, done(0x78)),
        "a notification": lambda _own, _number: message(0, done(0x78)),
        "an intermediate response, then yes": lambda own, number: (
            message(number, tlv(0x79, tlv(0x80, b"1.2"))) + message(number, done(own))
        ),
        "something behind controls": lambda own, number: tlv(
            0x30, tlv(0x02, number.to_bytes(4, "big")), done(own), tlv(0xA0), tlv(0xA1)
        ),
        "something in the place of controls": lambda own, number: tlv(
            0x30, tlv(0x02, number.to_bytes(4, "big")), done(own), tlv(0xA1)
        ),
    }
    if operation == SEARCH:
        answers["an entry with the tag of a reference, then yes"] = lambda own, number: (
            message(number, tlv(0x73, tlv(0x04, b"dc=x"), tlv(0x30))) + message(number, done(own))
        )
    if operation != SEARCH:
        answers["an entry, then yes"] = lambda own, number: (
            message(number, tlv(0x64, tlv(0x04, b"dc=x"), tlv(0x30))) + message(number, done(own))
        )
    return answers


def answering(operation: int, answer: Answered) -> Script:
    """Answer one operation with a given response, and the others with success."""
    return lambda asked, number, request: (
        answer(OWN[operation], number) if asked == operation else friendly(asked, number, request)
    )


def says(directory: Directory) -> str:
    """Return the outcome of a login."""
    try:
        return directory.find("alice").verify("wrong-password").net_id
    except InvalidCredentials as refusal:
        return refusal.reason
    except DirectoryUnavailable:
        return "unavailable"


OPERATIONS: dict[str, tuple[int, Callable[[LdapConnection], Answer | SearchResult]]] = {
    "bind": (
        BIND,
        lambda connection: connection.bind("uid=alice,dc=x", b"wrong-password", controls=("1.2.3",)),
    ),
    "anonymous bind": (BIND, LdapConnection.bind_anonymously),
    "bind without a password": (BIND, lambda connection: connection.bind_without_password("uid=alice,dc=x")),
    "search": (
        SEARCH,
        lambda connection: connection.search("dc=x", "(uid=alice)", attributes=["uid"], size_limit=2),
    ),
    "read": (SEARCH, lambda connection: connection.read("dc=x", attributes=["uid"])),
    "extended": (EXTENDED, lambda connection: connection.extended(START_TLS.decode())),
}
EVERY_WRONG_ANSWER = [
    pytest.param(how, name, id=f"{how}-{name}")
    for how, (operation, _) in OPERATIONS.items()
    for name in wrong_answers(operation)
]


@contextlib.contextmanager
def linked(server: Scripted, *, codec: bool) -> Iterator[LdapConnection]:
    """Open a connection to a scripted server."""
    deadline = Deadline(0.5, time.monotonic)
    raw = dial(ServerUri.parse(server.uri), connect_timeout=0.5, deadline=deadline)
    socket = DeadlineSocket(raw, server=server.uri, read_timeout=0.3, deadline=deadline)
    connection = LdapConnection.over(Server("localhost", get_info=NONE), socket, name=server.uri, codec=codec)
    yield connection
    connection.close()


@pytest.mark.parametrize("codec", [True, False])
@pytest.mark.parametrize(("how", "name"), EVERY_WRONG_ANSWER)
def test_wrong_response_is_unavailable(how: str, name: str, codec: bool) -> None:  # noqa: FBT001
    """Another response, or number of responses, gives no result, and the connection is closed."""
    operation, ask = OPERATIONS[how]
    script = answering(operation, wrong_answers(operation)[name])
    with Scripted(script) as server, linked(server, codec=codec) as connection:
        with pytest.raises(DirectoryUnavailable):
            ask(connection)
        assert not connection.usable
        assert connection.failure is not None


@pytest.mark.parametrize("codec", [True, False])
@pytest.mark.parametrize("how", OPERATIONS)
def test_right_response_gives_a_result(how: str, codec: bool) -> None:  # noqa: FBT001
    """Both readers accept the one right response, so the tests above fail for no other cause."""
    operation, ask = OPERATIONS[how]
    script = answering(operation, lambda own, number: message(number, done(own)))
    with Scripted(script) as server, linked(server, codec=codec) as connection:
        answer = ask(connection)
        assert (answer.answer if isinstance(answer, SearchResult) else answer).code == 0
        assert connection.usable


@pytest.mark.parametrize("codec", [True, False])
@pytest.mark.parametrize("name", wrong_answers(BIND))
def test_wrong_response_to_a_bind_accepts_no_password(
    opened: Callable[..., LdapDirectory],
    name: str,
    codec: bool,  # noqa: FBT001
) -> None:
    """A wrong password is never a success, at a user's bind or at the service account's."""
    answer = wrong_answers(BIND)[name]
    with Scripted(answering(BIND, answer)) as server:
        for account in ({}, SERVICE):
            directory: Any = opened(uris=(server.uri,), codec=codec, **LIMITS, **account)
            assert says(directory) == "unavailable"
            assert directory.pools.binds.stats().idle == 0
            assert (directory.pools.searches.stats().idle == 0) is bool(account)
        # The user's own bind, while the service account's bind gets the right response.
        server.script = lambda asked, number, request: (
            answer(OWN[BIND], number) if b"wrong-password" in request else friendly(asked, number, request)
        )
        assert says(opened(uris=(server.uri,), codec=codec, **LIMITS, **SERVICE)) == "unavailable"


@pytest.mark.parametrize("codec", [True, False])
@pytest.mark.parametrize("name", wrong_answers(SEARCH))
def test_wrong_response_to_a_search_is_not_an_empty_result(
    opened: Callable[..., LdapDirectory],
    name: str,
    codec: bool,  # noqa: FBT001
) -> None:
    """No user becomes unknown by it, at a login or at a refresh."""
    with Scripted(answering(SEARCH, wrong_answers(SEARCH)[name])) as server:
        directory = opened(uris=(server.uri,), codec=codec, **LIMITS)
        assert says(directory) == "unavailable"
        with pytest.raises(DirectoryUnavailable):
            directory.read("00000000-0000-4000-8000-00000000000a")


@pytest.mark.parametrize("codec", [True, False])
@pytest.mark.parametrize("name", wrong_answers(EXTENDED))
def test_wrong_response_to_start_tls_sends_no_password(
    opened: Callable[..., LdapDirectory],
    name: str,
    codec: bool,  # noqa: FBT001
) -> None:
    """Without the response of StartTLS nothing more is sent (RFC 4511, 4.14.2)."""
    with Scripted(answering(EXTENDED, wrong_answers(EXTENDED)[name])) as server:
        settings = {**LIMITS, **SERVICE, "start_tls": True}
        assert says(opened(uris=(server.uri,), codec=codec, **settings)) == "unavailable"
        assert START_TLS in server.received
        assert b"password" not in server.received


@pytest.mark.parametrize("name", [START_TLS, b"1.2.3"])
def test_response_that_names_another_extended_request_is_refused(name: bytes) -> None:
    """The name in a response must be the request's (RFC 4511, 4.12)."""
    answer = tlv(0x78, tlv(0x0A, b"\0"), tlv(0x04), tlv(0x04), tlv(0x8A, name))
    server = Scripted(lambda _asked, number, _request: message(number, answer))
    with server, linked(server, codec=True) as connection:
        if name == START_TLS:
            assert connection.extended(START_TLS.decode()).code == 0
        else:
            with pytest.raises(DirectoryUnavailable):
                connection.extended(START_TLS.decode())


@pytest.mark.parametrize("codec", [True, False])
@pytest.mark.parametrize("operation", [BIND, SEARCH])
def test_wrong_response_over_start_tls_is_unavailable(
    opened: Callable[..., LdapDirectory],
    tmp_path: Path,
    operation: int,
    codec: bool,  # noqa: FBT001
) -> None:
    """Over TLS too, each wrong response is refused, and the right one accepted."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    settings = {**LIMITS, "start_tls": True, "ca_file": tmp_path / "ca.pem", "codec": codec}
    with OverStartTls(context) as server:
        assert says(opened(uris=(server.uri,), **settings)) == "alice"
        for answer in wrong_answers(operation).values():
            server.script = answering(operation, answer)
            assert says(opened(uris=(server.uri,), **settings)) == "unavailable"


@pytest.mark.parametrize("codec", [True, False])
def test_late_second_response_is_not_read_as_the_next_users(
    opened: Callable[..., LdapDirectory],
    codec: bool,  # noqa: FBT001
) -> None:
    """A success that arrives after a refusal closes the connection as soon as it is noticed."""
    late = threading.Event()

    class Late(Scripted):
        def send(self, connection: Any, answer: bytes) -> None:
            """Send the second of two messages later."""
            size = 2 + answer[1]
            connection.sendall(answer[:size])
            if answer[size:] and answer[size + 8] == OWN[BIND]:
                assert late.wait(5)
            connection.sendall(answer[size:])

    def script(asked: int, number: int, request: bytes) -> bytes | None:
        if asked != BIND:
            return friendly(asked, number, request)
        refusal = result(BIND, number, 49)
        return refusal + result(BIND, number) if b"first" in request else refusal

    with Late(script) as server:
        directory: Any = opened(uris=(server.uri,), codec=codec, **LIMITS)
        for password in ("first", "second"):
            with pytest.raises(InvalidCredentials) as caught:
                directory.find("alice").verify(password)
            assert caught.value.reason is Refusal.WRONG_PASSWORD
            assert directory.pools.binds.stats().idle == 1
            with directory.pools.binds.lease(Deadline(1, time.monotonic)) as kept:
                assert kept.is_alive()
            if password == "first":
                late.set()
                until = time.monotonic() + 5
                while kept.is_alive() and time.monotonic() < until:
                    time.sleep(0.01)
                assert not kept.is_alive()
        # One to search, and one for each bind.
        assert server.connections == 3


@pytest.mark.parametrize("codec", [True, False])
def test_late_response_does_not_answer_the_next_request(codec: bool) -> None:  # noqa: FBT001
    """A late response has the message id of its own request."""
    first: list[int] = []

    def script(asked: int, number: int, _request: bytes) -> bytes | None:
        first.append(number)
        # The second request gets the late response to the first one, and its own refusal.
        return result(asked, first[0], 49 if len(first) == 1 else 0) + (
            b"" if len(first) == 1 else result(asked, number, 49)
        )

    with Scripted(script) as server, linked(server, codec=codec) as connection:
        assert connection.bind("uid=alice,dc=x", b"wrong-password").code == 49
        with pytest.raises(DirectoryUnavailable):
            connection.bind("uid=alice,dc=x", b"wrong-password")
        assert not connection.usable


def test_entries_and_references_are_read_before_the_result(opened: Callable[..., LdapDirectory]) -> None:
    """ldap3's reader accepts them too."""
    reference = tlv(0x73, tlv(0x04, b"ldap://elsewhere/dc=x"))
    script = answering(SEARCH, lambda _, number: message(number, reference) + alice(number))
    for codec in (True, False):
        with Scripted(script) as server:
            assert says(opened(uris=(server.uri,), codec=codec, **LIMITS)) == "alice"
