"""A user whom one of several servers lacks: a second server is asked before a refusal."""

from collections.abc import Callable

import pytest

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.conformance import ALICE
from tests.directory.scripted import SEARCH, Scripted, friendly, result
from tests.servers.slapd import Slapd

GONE = b"uid=alice,ou=people,dc=campus,dc=example"
LIMITS = {"start_tls": False, "connect_timeout": 0.3, "read_timeout": 0.4, "login_deadline": 1.0}


def without_alice(operation: int, message_id: int, request: bytes) -> bytes | None:
    """Answer like a server that lacks one user and has others."""
    is_about_one = operation == SEARCH and ALICE.encode() in request
    return result(SEARCH, message_id) if is_about_one else friendly(operation, message_id, request)


def hang_up(operation: int, message_id: int, request: bytes) -> bytes | None:
    """Hang up on a search."""
    return None if operation == SEARCH else friendly(operation, message_id, request)


def unknown(directory: Directory) -> InvalidCredentials:
    """Read alice again, which must be refused as unknown. Returns the refusal."""
    with pytest.raises(InvalidCredentials) as caught:
        directory.read(ALICE)
    assert caught.value.reason is Refusal.UNKNOWN_PERSON
    return caught.value


@pytest.mark.parametrize("lacking", [0, 1])
def test_user_missing_on_one_server_is_found_on_the_other(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory], lacking: int
) -> None:
    """If one of two slapds lacks the user, the other one is used, with the groups."""
    servers = [new_slapd(but=GONE) if number == lacking else new_slapd() for number in range(2)]
    uris = tuple(server.ldap for server in servers)
    directory = on_slapd(servers[0], uris=uris, ca_file=servers[0].ca_file)
    assert directory.read(ALICE, groups=True).groups


def test_user_missing_on_both_servers_is_unknown_and_both_are_named(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory]
) -> None:
    """A user whom both servers lack is unknown, and the refusal names both servers."""
    servers = [new_slapd(but=GONE) for _ in range(2)]
    uris = tuple(server.ldap for server in servers)
    assert unknown(on_slapd(servers[0], uris=uris)).servers == uris


@pytest.mark.parametrize("other", ["hang_up", "away"])
def test_first_answer_stands_if_the_second_server_fails(opened: Callable[..., Directory], other: str) -> None:
    """If the second server gives no answer, the first answer stands, and names one server."""
    with Scripted(without_alice) as one, Scripted(hang_up) as two:
        uris = (one.uri, two.uri if other == "hang_up" else "ldap://127.0.0.1:9")
        directory = opened(uris=uris, user_base="dc=x", **LIMITS)
        for _ in range(2):
            assert unknown(directory).servers == (one.uri,)


def test_single_server_gets_two_searches_on_one_connection(opened: Callable[..., Directory]) -> None:
    """A single server is searched once with the filter and once without, on one connection."""
    with Scripted(without_alice) as server:
        directory = opened(uris=(server.uri,), user_base="dc=x", **LIMITS)
        assert unknown(directory).servers == (server.uri,)
        assert server.received.count(ALICE.encode()) == 2
        assert server.connections == 1


def test_second_server_is_not_asked_when_the_first_finds_the_person(opened: Callable[..., Directory]) -> None:
    """A user whom the first server finds costs no search on the second."""
    with Scripted() as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert directory.read(ALICE).net_id == "alice"
        assert two.received == b""


def test_second_answer_stands_if_the_first_server_fails(opened: Callable[..., Directory]) -> None:
    """One failure and one empty answer are one refusal; two failures are an outage."""
    with Scripted(hang_up) as one, Scripted(without_alice) as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert unknown(directory).servers == (two.uri,)
        two.script = hang_up
        with pytest.raises(DirectoryUnavailable):
            directory.read(ALICE)


def test_refusal_of_the_embedded_directory_names_no_server(opened: Callable[..., Directory]) -> None:
    """The embedded directory has no servers."""
    directory = opened(uris=("embedded:directory/campus.ldif",), user_base="dc=campus,dc=example")
    with pytest.raises(InvalidCredentials) as caught:
        directory.read("00000000-0000-4000-8000-0000000000ff")
    assert caught.value.servers == ()
