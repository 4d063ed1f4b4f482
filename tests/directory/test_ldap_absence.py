"""Someone whom one of several servers does not have: another is asked before anything is said of them."""

from collections.abc import Callable

import pytest

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.conformance import ALICE
from tests.directory.scripted import SEARCH, Scripted, friendly, result
from tests.servers.slapd import Slapd

GONE = b"uid=alice,ou=people,dc=campus,dc=example"
LIMITS = {"start_tls": False, "connect_timeout": 0.3, "read_timeout": 0.4, "login_deadline": 1.0}


def empty(operation: int, message_id: int, request: bytes) -> bytes | None:
    """Answer as a server does that lacks one person, and has others."""
    is_about_one = operation == SEARCH and ALICE.encode() in request
    return result(SEARCH, message_id) if is_about_one else friendly(operation, message_id, request)


def silent(operation: int, message_id: int, request: bytes) -> bytes | None:
    """Hang up on a search."""
    return None if operation == SEARCH else friendly(operation, message_id, request)


def sought_in_vain(directory: Directory) -> InvalidCredentials:
    """The refusal of a person who is unknown."""
    with pytest.raises(InvalidCredentials) as caught:
        directory.read(ALICE)
    assert caught.value.reason is Refusal.UNKNOWN_PERSON
    return caught.value


@pytest.mark.parametrize("lacking", [0, 1])
def test_half_loaded_replica_hides_nobody(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory], lacking: int
) -> None:
    """Of two slapds one lacks the person: they are found all the same, with their groups."""
    servers = [new_slapd(but=GONE) if number == lacking else new_slapd() for number in range(2)]
    uris = tuple(server.ldap for server in servers)
    directory = on_slapd(servers[0], uris=uris, ca_file=servers[0].ca_file)
    assert directory.read(ALICE, groups=True).groups


def test_gone_from_both(new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory]) -> None:
    """Whom neither of two slapds has is unknown, and both are named."""
    servers = [new_slapd(but=GONE) for _ in range(2)]
    uris = tuple(server.ldap for server in servers)
    assert sought_in_vain(on_slapd(servers[0], uris=uris)).servers == uris


@pytest.mark.parametrize("other", ["silent", "away"])
def test_other_server_that_cannot_say(opened: Callable[..., Directory], other: str) -> None:
    """Where no other server answers, the one that did is believed, and named alone."""
    with Scripted(empty) as one, Scripted(silent) as two:
        uris = (one.uri, two.uri if other == "silent" else "ldap://127.0.0.1:9")
        directory = opened(uris=uris, user_base="dc=x", **LIMITS)
        for _ in range(2):
            assert sought_in_vain(directory).servers == (one.uri,)


def test_one_server(opened: Callable[..., Directory]) -> None:
    """A server without another is asked once with the filter and once without, on one connection."""
    with Scripted(empty) as server:
        directory = opened(uris=(server.uri,), user_base="dc=x", **LIMITS)
        assert sought_in_vain(directory).servers == (server.uri,)
        assert server.received.count(ALICE.encode()) == 2
        assert server.connections == 1


def test_whom_the_first_has_costs_no_other(opened: Callable[..., Directory]) -> None:
    """Someone who is found at once is looked for nowhere else."""
    with Scripted() as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert directory.read(ALICE).net_id == "alice"
        assert two.received == b""


def test_first_that_cannot_say(opened: Callable[..., Directory]) -> None:
    """One that hangs up and one that has nobody are one word; two that hang up say nothing."""
    with Scripted(silent) as one, Scripted(empty) as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert sought_in_vain(directory).servers == (two.uri,)
        two.script = silent
        with pytest.raises(DirectoryUnavailable):
            directory.read(ALICE)


def test_embedded_directory_names_no_server(opened: Callable[..., Directory]) -> None:
    """The embedded directory is no server of a list: it names none."""
    directory = opened(uris=("embedded:directory/campus.ldif",), user_base="dc=campus,dc=example")
    with pytest.raises(InvalidCredentials) as caught:
        directory.read("00000000-0000-4000-8000-0000000000ff")
    assert caught.value.servers == ()
