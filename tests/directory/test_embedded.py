"""The embedded directory: the rules of every directory, and where ldap3's mock server was made strict."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from directory import Directory, InvalidCredentials
from directory.ldap import ConfigError, embedded_people
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.embedded import Embedded
from tests.directory.account_conformance import AccountConformance
from tests.directory.conformance import (
    PEOPLE,
    AccountDatesConformance,
    DirectoryConformance,
    ManyNamesConformance,
)
from tests.directory.conftest import CAMPUS, SERVICE
from tests.directory.filter_conformance import FilterConformance


@pytest.fixture
def ldif(tmp_path: Path, everyone: bytes) -> Path:
    """One file with all users."""
    path = tmp_path / "everyone.ldif"
    path.write_bytes(everyone)
    return path


@pytest.fixture
def open_with(opened: Callable[..., Directory], ldif: Path) -> Callable[..., Directory]:
    """Open the embedded directory, with a service account like on a real server."""

    def open_it(**changes: Any) -> Directory:
        account = {"bind_dn": SERVICE, "bind_password": "svc-password"}
        return opened(**{"uris": (f"embedded:{ldif}",), **account, **changes})

    return open_it


class TestEmbedded(DirectoryConformance, ManyNamesConformance, AccountDatesConformance):
    """The embedded directory follows the rules of every directory."""


class TestEmbeddedFilter(FilterConformance):
    """The embedded directory applies the user filter wherever a user is read."""


class TestEmbeddedAccounts(AccountConformance):
    """The embedded directory shows accounts like every directory."""


@pytest.fixture
def link(ldif: Path) -> LdapConnection:
    """A new connection to the embedded directory."""
    return Embedded.from_ldif(ldif).connect(Deadline(1, lambda: 0.0), lambda _link: None)


def test_path_of_the_file_is_the_only_setting(opened: Callable[..., Directory]) -> None:
    """The path of the shipped file is the only setting that a trial needs."""
    assert opened(uris=(f"embedded:{CAMPUS}",)).find("bob").verify("bob-password").net_id == "bob"


def test_every_listed_user_can_log_in(opened: Callable[..., Directory]) -> None:
    """All users that the start message lists can log in, except the disabled one."""
    people = embedded_people(CAMPUS)
    directory = opened(uris=(f"embedded:{CAMPUS}",))
    assert len(people) == 20
    assert [person.net_id for person in people if "(disabled)" in person.what] == ["sam"]
    for person in people:
        if "(disabled)" not in person.what:
            assert directory.find(person.net_id).verify(person.password).name == person.name


def test_unauthenticated_bind_is_refused(link: LdapConnection) -> None:
    """A DN without a password is unwillingToPerform, as in slapd by default (RFC 4513, 5.1.2)."""
    assert link.bind_without_password(f"uid=alice,{PEOPLE}").code == 53


@pytest.mark.parametrize(("dn", "password"), [("", b"x"), (f"uid=alice,{PEOPLE}", b""), ("", b"")])
def test_empty_dn_or_password_is_never_sent(link: LdapConnection, dn: str, password: bytes) -> None:
    """A bind with an empty DN or password does not reach the server (RFC 4513, 5.1.2 and 6.3.1)."""
    with pytest.raises(InvalidCredentials):
        link.bind(dn, password)
    assert link.usable


def test_anonymous_bind_is_accepted(link: LdapConnection) -> None:
    """An anonymous bind succeeds (RFC 4513, 5.1.1)."""
    assert link.bind_anonymously().code == 0


def test_size_limit_is_honoured(link: LdapConnection) -> None:
    """A search returns no more entries than the size limit, and sizeLimitExceeded (RFC 4511, 4.5.1.4)."""
    found = link.search(PEOPLE, "(uid=*)", attributes=["uid"], size_limit=2)
    assert (len(found.entries), found.answer.code) == (2, 4)
    assert link.search(PEOPLE, "(uid=alice)", attributes=["uid"], size_limit=1).answer.code == 0


@pytest.mark.parametrize(
    ("base", "code"), [("ou=nowhere,dc=campus,dc=example", 32), ("no DN", 34), (PEOPLE, 0)]
)
def test_missing_base_is_no_such_object(link: LdapConnection, base: str, code: int) -> None:
    """A base that does not exist is noSuchObject (RFC 4511, 4.5.1.1)."""
    assert link.search(base, "(uid=alice)", attributes=["uid"], size_limit=0).answer.code == code


@pytest.mark.parametrize("attributes", [["*"], ["userPassword"], ["*", "+"], ["USERPASSWORD", "uid"]])
def test_passwords_are_not_returned(link: LdapConnection, attributes: list[str]) -> None:
    """No search returns a password, whatever attributes it requests."""
    found = link.search(PEOPLE, "(uid=alice)", attributes=attributes, size_limit=0)
    assert len(found.entries) == 1
    assert "userpassword" not in found.entries[0].attributes


def test_control_that_is_not_critical_is_ignored(link: LdapConnection) -> None:
    """A control that is not critical is ignored (RFC 4511, 4.1.11)."""
    control = "1.3.6.1.4.1.42.2.27.8.5.1"
    assert link.bind(f"uid=alice,{PEOPLE}", b"alice-password", controls=(control,)).code == 0
    connection = link.strategy.connection
    connection.search(PEOPLE, "(uid=alice)", controls=[(control, False, None)])
    assert connection.result["result"] == 0
    assert len(connection.response) == 1


def test_extensible_match_is_an_error(link: LdapConnection) -> None:
    """An extensible match is an error; ldap3 alone would find nothing (RFC 4511, 4.5.1.7.7)."""
    search_filter = "(&(uid=alice)(!(memberOf:1.2.840.113556.1.4.1941:=cn=x)))"
    assert link.search(PEOPLE, search_filter, attributes=["uid"], size_limit=0).answer.code == 18


def test_negated_disjunction_matches_neither_part(link: LdapConnection) -> None:
    """The negation of a disjunction matches entries that match neither part (RFC 4511, 4.5.1.7)."""
    search_filter = "(&(uid=*)(!(|(uid=alice)(uid=bob))))"
    names = {
        entry.text("uid")
        for entry in link.search(PEOPLE, search_filter, attributes=["uid"], size_limit=0).entries
    }
    assert "carol" in names
    assert not names & {"alice", "bob"}


@pytest.mark.parametrize(
    "content",
    [b"", b"# nothing\n", b"dn: dc=x\nno colon here\n", b"cn: x\n", b"dn: no DN\ncn: x\n", b"\x00\xff"],
)
def test_broken_ldif_is_refused(opened: Callable[..., Directory], tmp_path: Path, content: bytes) -> None:
    """A file that is not LDIF is a wrong setting (RFC 2849)."""
    path = tmp_path / "broken.ldif"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="NETID_LDAP_URI"):
        opened(uris=(f"embedded:{path}",))
