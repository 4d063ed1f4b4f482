"""Logins while a replica lacks people: another server is asked before a password or name is called wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from directory import Account, Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.conformance import ALICE
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
    """Look at the account before the bind, as the limits do."""
    assert account.person_id


def refusal_of(directory: Directory, net_id: str, password: str) -> InvalidCredentials:
    """Log in, which must be refused."""
    with pytest.raises(InvalidCredentials) as caught:
        directory.authenticate(net_id, password, admit=look)
    return caught.value


def lacking(asked: int, number: int, request: bytes) -> bytes | None:
    """Answer as a server that lacks the person: an empty search, and a bind refused as if it were wrong."""
    if asked == SEARCH:
        return result(SEARCH, number) if b"alice" in request else friendly(asked, number, request)
    return result(BIND, number, 49) if b"uid=alice" in request else friendly(asked, number, request)


def refusing(asked: int, number: int, request: bytes) -> bytes | None:
    """Answer as a server that has the person, whose password is another."""
    return (
        result(BIND, number, 49)
        if b"uid=alice" in request and asked == BIND
        else friendly(asked, number, request)
    )


@pytest.mark.parametrize("lacks", [0, 1])
@pytest.mark.parametrize("settings", SETTINGS)
def test_half_loaded_replica_refuses_no_right_password(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory], settings: str, lacks: int
) -> None:
    """Of two slapds one lacks the person: both passwords get the verdict of the server that has them."""
    servers = [new_slapd(but=GONE) if number == lacks else new_slapd() for number in range(2)]
    uris = tuple(server.ldap for server in servers)
    directory = on_slapd(servers[0], uris=uris, **SETTINGS[settings])
    for _ in range(2):
        assert directory.authenticate("alice", "alice-password", groups=True, admit=look).id == ALICE
        refusal = refusal_of(directory, "alice", "wrong")
        assert (refusal.reason, refusal.server) == (Refusal.WRONG_PASSWORD, uris[1 - lacks])
        assert directory.examine("alice").person.id == ALICE
        refusal = refusal_of(directory, "nobody", "wrong")
        assert (refusal.reason, set(refusal.servers)) == (Refusal.UNKNOWN_PERSON, set(uris))


def test_half_loaded_replica_and_a_bind_that_comes_first(
    new_slapd: Callable[..., Slapd], on_slapd: Callable[..., Directory]
) -> None:
    """With a template and no look before the bind, a replica without the entry says nothing."""
    servers = [new_slapd(but=GONE), new_slapd()]
    uris = tuple(server.ldap for server in servers)
    directory = on_slapd(servers[0], uris=uris, user_dn_template=TEMPLATE)
    with pytest.raises(DirectoryUnavailable, match="half loaded"):
        directory.authenticate("alice", "alice-password")


def test_refusal_by_another_server_than_the_one_that_showed_the_entry(
    opened: Callable[..., Directory],
) -> None:
    """Where the bind went to a server without the entry, its refusal is none; with the entry it stands."""
    with Scripted() as one, Scripted(lacking) as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        directory.find(ALICE)
        one.take_no_more()  # but what is open, which is for searches
        with pytest.raises(DirectoryUnavailable, match="half loaded"):
            directory.authenticate("alice", "x", admit=look)
        two.script = refusing
        assert refusal_of(directory, "alice", "x").reason is Refusal.WRONG_PASSWORD
        two.script = friendly
        assert directory.authenticate("alice", "x", admit=look).net_id == "alice"


def test_refusal_that_cannot_be_checked_says_nothing(opened: Callable[..., Directory]) -> None:
    """If the server that refused cannot be asked for the entry, nothing is said of the password."""

    def deaf(asked: int, number: int, request: bytes) -> bytes | None:
        return None if asked == SEARCH else refusing(asked, number, request)

    with Scripted() as one, Scripted(deaf) as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        directory.find(ALICE)
        one.take_no_more()
        with pytest.raises(DirectoryUnavailable):
            directory.authenticate("alice", "x", admit=look)


@pytest.mark.parametrize("code", [32, 53, 10])
def test_replica_that_cannot_search_is_passed_over(opened: Callable[..., Directory], code: int) -> None:
    """A replica without the search base, or one that is being loaded, leaves the answer to another server."""

    def loading(asked: int, number: int, request: bytes) -> bytes | None:
        return result(SEARCH, number, code) if asked == SEARCH else friendly(asked, number, request)

    with Scripted(loading) as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert directory.authenticate("alice", "x", admit=look).net_id == "alice"
        assert directory.find(ALICE).net_id == "alice"
        two.script = lacking
        assert refusal_of(directory, "alice", "x").servers == (two.uri,)
        two.script = loading
        with pytest.raises(DirectoryUnavailable) as caught:
            directory.authenticate("alice", "x")
        assert caught.value.alarm is (code != 53)
        with pytest.raises(DirectoryUnavailable):
            directory.find(ALICE)


@pytest.mark.parametrize("sub_code", [None, "525"])
def test_bind_of_an_entry_that_a_server_does_not_have_is_made_elsewhere(
    opened: Callable[..., Directory], sub_code: str | None
) -> None:
    """A server that says that it has no such entry has counted no failure (RFC 4511, appendix A; MS-ADTS)."""
    code, text = (32, b"") if sub_code is None else (49, b"AcceptSecurityContext error, data 525, v1")
    with Scripted() as one, Scripted() as two:
        one.script = lambda asked, number, request: (
            result(BIND, number, code, text) if asked == BIND else friendly(asked, number, request)
        )
        template = {"user_dn_template": "uid={username},dc=x", "profile": "openldap"}
        directory = opened(uris=(one.uri, two.uri), **template, **LIMITS)
        assert directory.authenticate("alice", "x").net_id == "alice"
        two.script = one.script
        reason = Refusal.REFUSED if sub_code is None else Refusal.UNKNOWN_PERSON
        assert refusal_of(directory, "alice", "x").reason is reason
        two.script = refusing
        assert refusal_of(directory, "alice", "x").reason is Refusal.WRONG_PASSWORD


def test_refused_bind_is_never_made_elsewhere(opened: Callable[..., Directory]) -> None:
    """Without a service account a refusal stands: a second bind would count a wrong password twice."""
    with Scripted(refusing) as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_dn_template="uid={username},dc=x", **LIMITS)
        assert refusal_of(directory, "alice", "x").reason is Refusal.WRONG_PASSWORD
        assert two.received == b""


def test_known_name_costs_no_search_elsewhere(opened: Callable[..., Directory]) -> None:
    """A login of a person whom the first server has asks no other, with a right and with a wrong password."""
    with Scripted() as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert directory.authenticate("alice", "x", admit=look).net_id == "alice"
        one.script = refusing
        assert refusal_of(directory, "alice", "x").reason is Refusal.WRONG_PASSWORD
        assert two.received == b""


def test_unknown_name_leads_no_login_away_from_the_first_server(opened: Callable[..., Directory]) -> None:
    """After a search elsewhere, the next login goes to the first server over its open connection."""
    with Scripted() as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        directory.authenticate("alice", "x")
        for server in (one, two):
            server.script = lambda asked, number, request: (
                result(SEARCH, number)
                if asked == SEARCH and b"nobody" in request
                else friendly(asked, number, request)
            )
        for _ in range(3):
            assert set(refusal_of(directory, "nobody", "x").servers) == {one.uri, two.uri}
            heard = two.received
            directory.authenticate("alice", "x")
            assert two.received == heard
        assert (one.connections, two.connections) == (2, 1)


@pytest.mark.parametrize("account", [True, False])
def test_one_server_is_searched_once(opened: Callable[..., Directory], account: bool) -> None:  # noqa: FBT001
    """An unknown name costs one search where one server is configured."""
    service = {"bind_dn": "cn=svc", "bind_password": "svc-password"} if account else {}
    with Scripted(lacking) as server:
        directory = opened(uris=(server.uri,), user_base="dc=x", **LIMITS, **service)
        assert refusal_of(directory, "alice", "x").servers == (server.uri,)
        assert server.received.count(b"alice") == 1


def test_lost_search_elsewhere_is_repeated(opened: Callable[..., Directory]) -> None:
    """A connection that is lost while another server is asked makes no right login wrong."""
    first = iter([True])

    def losing(asked: int, number: int, request: bytes) -> bytes | None:
        return None if asked == SEARCH and next(first, False) else friendly(asked, number, request)

    with Scripted(lacking) as one, Scripted(losing) as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert directory.authenticate("alice", "x", admit=look).net_id == "alice"


def test_replica_without_anybody_is_passed_over(opened: Callable[..., Directory]) -> None:
    """A replica that has the base and nobody in it cannot say that a name is unknown."""

    def deserted(asked: int, number: int, request: bytes) -> bytes | None:
        return result(SEARCH, number) if asked == SEARCH else friendly(asked, number, request)

    with Scripted(deserted) as one, Scripted() as two:
        directory = opened(uris=(one.uri, two.uri), user_base="dc=x", **LIMITS)
        assert directory.authenticate("alice", "x", admit=look).net_id == "alice"
        two.script = lambda asked, number, request: (
            result(SEARCH, number) if b"nobody" in request else friendly(asked, number, request)
        )
        assert refusal_of(directory, "nobody", "x").servers == (two.uri,)
