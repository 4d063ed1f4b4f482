"""Logins while a replica lacks users: a second server is asked before a password or name is refused."""

from collections.abc import Callable
from typing import Any

import pytest

from directory import Account, Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.conformance import ALICE, log_in
from tests.directory.scripted import BIND, SEARCH, Scripted, friendly, result
from tests.servers.slapd import Slapd

GONE = b"uid=alice,ou=people,dc=campus,dc=example"
TEMPLATE = "uid={username},ou=people,dc=campus,dc=example"
LIMITS = {"start_tls": False, "connect_timeout": 0.3, "read_timeout": 0.4, "login_deadline": 1.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "search": {},
    "template": {"user_dn_template": TEMPLATE},
    "template and filter": {"user_dn_template": TEMPLATE, "user_filter": "(&(uid={username})(cn=*))"},
}


def look(account: Account) -> None:
    """Read the account before the bind, as the limits do."""
    assert account.person_id


def refusal_of(directory: Directory, net_id: str, password: str) -> InvalidCredentials:
    """Log in, which must be refused; return the refusal."""
    with pytest.raises(InvalidCredentials) as caught:
        log_in(directory, net_id, password, look=look)
    return caught.value


def lacking(operation: int, number: int, request: bytes) -> bytes | None:
    """Answer as a server without the user: an empty search, and a bind refused with 49."""
    if operation == SEARCH:
        return result(SEARCH, number) if b"alice" in request else friendly(operation, number, request)
    return result(BIND, number, 49) if b"uid=alice" in request else friendly(operation, number, request)


def refusing(operation: int, number: int, request: bytes) -> bytes | None:
    """Answer as a server that has the user with another password."""
    return (
        result(BIND, number, 49)
        if b"uid=alice" in request and operation == BIND
        else friendly(operation, number, request)
    )


@pytest.mark.parametrize("lacks", [0, 1])
@pytest.mark.parametrize("settings", SETTINGS)
def test_half_loaded_replica_refuses_no_right_password(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory], settings: str, lacks: int
) -> None:
    """One of two slapds lacks the user. A right and a wrong password get the verdict of the other one."""
    servers = [new_slapd(but=GONE) if number == lacks else new_slapd() for number in range(2)]
    uris = tuple(server.ldap for server in servers)
    directory = on_slapd(servers[0], uris=uris, **SETTINGS[settings])
    for _ in range(2):
        assert log_in(directory, "alice", "alice-password", groups=True, look=look).id == ALICE
        refusal = refusal_of(directory, "alice", "wrong")
        assert (refusal.reason, refusal.server) == (Refusal.WRONG_PASSWORD, uris[1 - lacks])
        assert directory.examine("alice").person.id == ALICE
        refusal = refusal_of(directory, "nobody", "wrong")
        assert (refusal.reason, set(refusal.servers)) == (Refusal.UNKNOWN_PERSON, set(uris))


def test_replica_without_the_entry_gives_no_verdict_on_a_bind_without_a_search(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory]
) -> None:
    """With a DN template nothing is read before the bind, so the answer is 503."""
    servers = [new_slapd(but=GONE), new_slapd()]
    uris = tuple(server.ldap for server in servers)
    directory = on_slapd(servers[0], uris=uris, user_dn_template=TEMPLATE)
    with pytest.raises(DirectoryUnavailable, match="half loaded"):
        directory.find("alice").verify("alice-password")


def test_refusal_counts_only_from_a_server_that_has_the_entry(
    opened: Callable[..., Directory],
) -> None:
    """The bind went to another server than the search. That server must show the entry too."""
    with Scripted() as one, Scripted(lacking) as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        directory.read(ALICE)
        one.take_no_more()  # except the open connection for searches
        with pytest.raises(DirectoryUnavailable, match="half loaded"):
            log_in(directory, "alice", "x", look=look)
        two.script = refusing
        assert refusal_of(directory, "alice", "x").reason is Refusal.WRONG_PASSWORD
        two.script = friendly
        assert log_in(directory, "alice", "x", look=look).net_id == "alice"


def test_refusal_that_cannot_be_checked_is_unavailable(opened: Callable[..., Directory]) -> None:
    """The server that refused the bind cannot be asked for the entry."""

    def deaf(operation: int, number: int, request: bytes) -> bytes | None:
        return None if operation == SEARCH else refusing(operation, number, request)

    with Scripted() as one, Scripted(deaf) as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        directory.read(ALICE)
        one.take_no_more()
        with pytest.raises(DirectoryUnavailable):
            log_in(directory, "alice", "x", look=look)


@pytest.mark.parametrize("code", [32, 53, 10])
def test_replica_that_cannot_search_is_skipped(opened: Callable[..., Directory], code: int) -> None:
    """A replica without the search base, or one that is being loaded, leaves the answer to another server."""

    def loading(operation: int, number: int, request: bytes) -> bytes | None:
        return result(SEARCH, number, code) if operation == SEARCH else friendly(operation, number, request)

    with Scripted(loading) as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert log_in(directory, "alice", "x", look=look).net_id == "alice"
        assert directory.read(ALICE).net_id == "alice"
        two.script = lacking
        assert refusal_of(directory, "alice", "x").servers == (two.uri,)
        two.script = loading
        with pytest.raises(DirectoryUnavailable) as caught:
            directory.find("alice").verify("x")
        assert caught.value.alarm is (code != 53)
        with pytest.raises(DirectoryUnavailable):
            directory.read(ALICE)


@pytest.mark.parametrize("sub_code", [None, "525"])
def test_bind_is_repeated_elsewhere_if_the_server_lacks_the_entry(
    opened: Callable[..., Directory], sub_code: str | None
) -> None:
    """A server without the entry has counted no failure (RFC 4511, appendix A; MS-ADTS)."""
    code, text = (32, b"") if sub_code is None else (49, b"AcceptSecurityContext error, data 525, v1")
    with Scripted() as one, Scripted() as two:
        one.script = lambda operation, number, request: (
            result(BIND, number, code, text) if operation == BIND else friendly(operation, number, request)
        )
        template = {"user_dn_template": "uid={username},dc=x", "profile": "openldap"}
        directory = opened(uris=(one.uri, two.uri), **template, **LIMITS)
        assert directory.find("alice").verify("x").net_id == "alice"
        two.script = one.script
        reason = Refusal.REFUSED if sub_code is None else Refusal.UNKNOWN_PERSON
        assert refusal_of(directory, "alice", "x").reason is reason
        two.script = refusing
        assert refusal_of(directory, "alice", "x").reason is Refusal.WRONG_PASSWORD


def test_refused_bind_is_never_repeated_elsewhere(opened: Callable[..., Directory]) -> None:
    """Without a service account the refusal counts: a second bind would count a wrong password twice."""
    with Scripted(refusing) as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_dn_template="uid={username},dc=x", **LIMITS)
        assert refusal_of(directory, "alice", "x").reason is Refusal.WRONG_PASSWORD
        assert two.received == b""


def test_known_name_costs_no_search_elsewhere(opened: Callable[..., Directory]) -> None:
    """If the first server has the user, no other is asked, with a right and with a wrong password."""
    with Scripted() as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert log_in(directory, "alice", "x", look=look).net_id == "alice"
        one.script = refusing
        assert refusal_of(directory, "alice", "x").reason is Refusal.WRONG_PASSWORD
        assert two.received == b""


def test_unknown_name_does_not_move_the_next_login_to_another_server(
    opened: Callable[..., Directory],
) -> None:
    """After a search on another server, the next login uses the first server's open connection."""
    with Scripted() as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        directory.find("alice").verify("x")
        for server in (one, two):
            server.script = lambda operation, number, request: (
                result(SEARCH, number)
                if operation == SEARCH and b"nobody" in request
                else friendly(operation, number, request)
            )
        for _ in range(3):
            assert set(refusal_of(directory, "nobody", "x").servers) == {one.uri, two.uri}
            heard = two.received
            directory.find("alice").verify("x")
            assert two.received == heard
        assert (one.connections, two.connections) == (2, 1)


@pytest.mark.parametrize("account", [True, False])
def test_only_server_is_searched_once(opened: Callable[..., Directory], account: bool) -> None:  # noqa: FBT001
    """An unknown name costs one search if one server is configured."""
    service = {"bind_dn": "cn=svc", "bind_password": "svc-password"} if account else {}
    with Scripted(lacking) as server:
        directory = opened(uris=(server.uri,), user_base="dc=x", **LIMITS, **service)
        assert refusal_of(directory, "alice", "x").servers == (server.uri,)
        assert server.received.count(b"alice") == 1


def test_lost_search_elsewhere_is_repeated(opened: Callable[..., Directory]) -> None:
    """A connection to the second server that is lost does not refuse a right login."""
    first = iter([True])

    def losing(operation: int, number: int, request: bytes) -> bytes | None:
        return None if operation == SEARCH and next(first, False) else friendly(operation, number, request)

    with Scripted(lacking) as one, Scripted(losing) as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert log_in(directory, "alice", "x", look=look).net_id == "alice"


def test_replica_without_any_user_is_skipped(opened: Callable[..., Directory]) -> None:
    """A replica that has the base but no users cannot say that a name is unknown."""

    def deserted(operation: int, number: int, request: bytes) -> bytes | None:
        return result(SEARCH, number) if operation == SEARCH else friendly(operation, number, request)

    with Scripted(deserted) as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert log_in(directory, "alice", "x", look=look).net_id == "alice"
        two.script = lambda operation, number, request: (
            result(SEARCH, number) if b"nobody" in request else friendly(operation, number, request)
        )
        assert refusal_of(directory, "nobody", "x").servers == (two.uri,)
