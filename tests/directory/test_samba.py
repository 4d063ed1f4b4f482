"""Active Directory, as Samba speaks it: the rules of every directory, and what only such a server shows."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from login.names import folded
from tests.directory.account_conformance import AccountConformance
from tests.directory.conformance import Campus, DirectoryConformance, refusal
from tests.directory.filter_conformance import FilterConformance
from tests.directory.lockout_conformance import LockoutConformance, look
from tests.directory.shield_conformance import ShieldConformance
from tests.servers.administrator import SambaAdministrator
from tests.servers.policy import lock_on_samba
from tests.servers.samba import ADMINISTRATOR, DOMAIN, PASSWORD, PEOPLE, Samba, Value, require_samba
from tests.servers.spellings import Asker

pytestmark = pytest.mark.server

GROUPS = f"OU=groups,{DOMAIN}"
SERVICE = f"CN=svc,{PEOPLE}"
ALICE = f"CN=alice,{PEOPLE}"
ODD_NAME = "we'ird(x)&{y}"
IN_CHAIN = "(member:1.2.840.113556.1.4.1941:={dn})"
DISABLED_ACCOUNT = 514
# Of the letters that could be spelled in her name, one in so many is tried.
_EVERY, _AT_ONCE = 11, 400
_SECOND = 10_000_000  # in the steps of 100 ns that Active Directory counts in


def load(server: Samba) -> None:
    """Make the people of the campus."""
    server.change(DOMAIN, {"pwdProperties": 0, "minPwdLength": 1, "minPwdAge": 0, "pwdHistoryLength": 0})
    for unit in (PEOPLE, GROUPS):
        server.add(unit, objectClass=["organizationalUnit"])
    server.add_person("svc", "svc-password")
    server.add_person(
        "alice",
        "alice-password",
        displayName="Alice Baker",
        mail="alice@campus.example",
        userPrincipalName="alice@ad.campus.example",
    )
    server.add_person("bob", "bob-password")
    server.add_person("zoe", "zoë-pässwörd", displayName="Zoë Müller")
    server.add_person("jürgen", "juergen-password")
    server.add_person(ODD_NAME, "weird-password")
    server.add_person("comma", "comma-password", cn="we*ird(x)\\,y\\\\z")
    for number in (1, 2):
        server.add_person(f"twin{number}", "twin-password", description="twin")
    server.add_person("sam", "sam-password", control=DISABLED_ACCOUNT)
    load_refused(server)
    load_groups(server)


def load_refused(server: Samba) -> None:
    """Make the people whose logins are refused."""
    server.add_person("ended", "ended-password", accountExpires=132_223_104_000_000_000)
    server.add_person("mustchange", "mustchange-password", pwdLastSet=0)
    server.add_person("atnight", "atnight-password", logonHours=b"\0" * 21)
    clumsy = server.add_person("clumsy", "clumsy-password")
    # A password that has expired is not among them: this server knows no age below a day, and lets nobody set
    # when a password was changed.
    policy: dict[str, Value] = {
        "objectClass": ["top", "msDS-PasswordSettings"],
        "msDS-PasswordSettingsPrecedence": 1,
        "msDS-PasswordReversibleEncryptionEnabled": "FALSE",
        "msDS-PasswordHistoryLength": 0,
        "msDS-PasswordComplexityEnabled": "FALSE",
        "msDS-MinimumPasswordLength": 0,
        "msDS-MinimumPasswordAge": 0,
        "msDS-MaximumPasswordAge": -86_400 * _SECOND,
        "msDS-LockoutThreshold": 2,
        "msDS-LockoutObservationWindow": -3600 * _SECOND,
        "msDS-LockoutDuration": -3600 * _SECOND,
        "msDS-PSOAppliesTo": clumsy,
    }
    server.add(f"CN=locking,CN=Password Settings Container,CN=System,{DOMAIN}", **policy)


def load_groups(server: Samba) -> None:
    """Make alice a member of staff, staff of everybody, and everybody of staff again."""
    for name, member in (("staff", ALICE), ("everybody", f"CN=staff,{GROUPS}")):
        server.add(f"CN={name},{GROUPS}", objectClass=["top", "group"], sAMAccountName=name, member=member)
    server.change(f"CN=staff,{GROUPS}", {"member": [ALICE, f"CN=everybody,{GROUPS}"]})


@pytest.fixture(scope="module")
def samba(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Samba]:
    """A domain controller for all tests here."""
    require_samba()
    server = Samba(tmp_path_factory.mktemp("samba") / "dc1", authority)
    try:
        server.start()
        load(server)
        yield server
    finally:
        server.stop()


@pytest.fixture
def open_with(opened: Callable[..., Directory], samba: Samba) -> Callable[..., Directory]:
    """Open a directory on it, over TLS and with the service account unless told otherwise."""

    def open_it(**changes: Any) -> Directory:
        settings = {
            "uris": (samba.ldaps,),
            "ca_file": samba.ca_file,
            "bind_dn": SERVICE,
            "bind_password": "svc-password",
            "user_base": PEOPLE,
            "profile": "active-directory",
        }
        return opened(**{**settings, **changes})

    return open_it


@pytest.fixture
def directory(open_with: Callable[..., Directory]) -> Directory:
    """A directory with ordinary settings."""
    return open_with()


CAMPUS = Campus(
    people=PEOPLE,
    template=f"CN={{username}},{PEOPLE}",
    alice_id="",
    alice_dn=ALICE,
    principal_name="alice@ad.campus.example",
    affiliations=(),
    password_changed_at=None,
    staff_dn=f"CN=staff,{GROUPS}",
    net_id_attribute="sAMAccountName",
    odd_name=ODD_NAME,
    everybody="(objectClass=user)",
    twin_filter="(description={username})",
)


@pytest.fixture
def _alices_id(request: pytest.FixtureRequest, samba: Samba, monkeypatch: pytest.MonkeyPatch) -> None:
    """Learn the id that the server gave alice: it takes none from outside."""
    campus = dataclasses.replace(CAMPUS, alice_id=person_id(samba, ALICE))
    monkeypatch.setattr(request.cls, "campus", campus)


@pytest.mark.usefixtures("_alices_id")
class TestSamba(DirectoryConformance):
    """Active Directory keeps the rules of every directory."""


@pytest.mark.usefixtures("_alices_id")
class TestSambaFilter(FilterConformance):
    """Active Directory holds the user filter wherever a person is read."""


@pytest.mark.usefixtures("_alices_id")
class TestSambaAccounts(AccountConformance):
    """Active Directory shows accounts as every directory does."""


class TestSambaLockout(LockoutConformance, ShieldConformance):
    """Active Directory tells of its lockouts."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _domain_that_locks(cls, samba: Samba) -> Iterator[None]:
        """For these rules, failures of an hour lock everybody in the domain for an hour."""
        lock_on_samba(samba)
        yield
        lock_on_samba(samba, 0)

    @pytest.fixture
    def administrator(self, samba: Samba) -> SambaAdministrator:
        """Whoever administers it."""
        return SambaAdministrator(samba)

    def test_policy_of_some_people(self, open_with: Callable[..., Directory], samba: Samba) -> None:
        """Who is under another policy than the domain's is told by that one, if it may be read."""
        assert look(open_with(), "clumsy")[1].limit is None
        assert look(open_with(bind_dn=ADMINISTRATOR, bind_password=PASSWORD), "clumsy")[1].limit == 2


def person_id(samba: Samba, dn: str) -> str:
    """The stable id of an entry, by the administrator's eyes."""
    return str(uuid.UUID(bytes_le=samba.read(dn, "objectGUID")))


def found(directory: Directory, samba: Samba, dn: str) -> Refusal:
    """Find a person again, which must be refused, and return the reason."""
    with pytest.raises(InvalidCredentials) as caught:
        directory.read(person_id(samba, dn))
    return caught.value.reason


def test_start_tls(open_with: Callable[..., Directory], samba: Samba) -> None:
    """StartTLS is spoken here too (RFC 4511, 4.14)."""
    assert open_with(uris=(samba.ldap,)).find("alice").verify("alice-password").net_id == "alice"


def test_name_with_special_characters_in_its_dn(directory: Directory) -> None:
    """The DN is used as the server gave it, whatever is escaped in it (RFC 4514, 2.4)."""
    person = directory.find("comma").verify("comma-password")
    assert (person.net_id, person.name) == ("comma", "we*ird(x),y\\z")


@pytest.mark.parametrize(
    "net_id",
    ["alice", "alice@ad.campus.example", "ALICE@AD.Campus.Example", "CAMPUS\\alice", "campus\\ALICE"],
)
def test_every_login_name_is_one_person(open_with: Callable[..., Directory], net_id: str) -> None:
    """Plain, as a user principal name, with the domain before it: one id."""
    directory = open_with(realms=("ad.campus.example", "CAMPUS"))
    assert directory.find(net_id).verify("alice-password").dn == ALICE


def test_principal_name_needs_no_realm(directory: Directory) -> None:
    """A user principal name is looked for as one; a domain that is not listed is nobody's."""
    assert directory.find("alice@ad.campus.example").verify("alice-password").net_id == "alice"
    for net_id in ("CAMPUS\\alice", "alice@campus.example"):
        assert refusal(directory, net_id, "alice-password") is Refusal.UNKNOWN_PERSON


@pytest.mark.parametrize(
    ("net_id", "refused"),
    [("sam", Refusal.DISABLED), ("ended", Refusal.EXPIRED)],
)
def test_account_states_before_the_bind(
    open_with: Callable[..., Directory], samba: Samba, net_id: str, refused: Refusal
) -> None:
    """A disabled or ended account is told by its entry, and with a template by the bind's sub-code."""
    assert refusal(open_with(), net_id, f"{net_id}-password") is refused
    template = open_with(user_dn_template=f"CN={{username}},{PEOPLE}")
    assert refusal(template, net_id, f"{net_id}-password") is refused
    assert found(open_with(), samba, f"CN={net_id},{PEOPLE}") is refused


def test_account_end_follows_the_clock(open_with: Callable[..., Directory], samba: Samba) -> None:
    """Whether an account has ended is a question to the clock that was handed in."""
    directory = open_with(clock=lambda: 0.0)
    assert directory.read(person_id(samba, f"CN=ended,{PEOPLE}")).net_id == "ended"


def test_must_change(open_with: Callable[..., Directory], samba: Samba) -> None:
    """The right password is refused as to be changed, a wrong one as wrong; this server lets nobody by."""
    for directory in (open_with(), open_with(allow_must_change=True)):
        assert refusal(directory, "mustchange", "mustchange-password") is Refusal.MUST_CHANGE
        assert refusal(directory, "mustchange", "wrong") is Refusal.WRONG_PASSWORD
    assert found(open_with(), samba, f"CN=mustchange,{PEOPLE}") is Refusal.MUST_CHANGE


def test_logon_hours(directory: Directory) -> None:
    """Outside of their logon hours a person may not log in now."""
    assert refusal(directory, "atnight", "atnight-password") is Refusal.NOT_NOW


def test_lockout(directory: Directory, samba: Samba) -> None:
    """After too many failures the right password is refused as locked, and the entry says so."""
    dn = f"CN=clumsy,{PEOPLE}"
    assert directory.read(person_id(samba, dn)).net_id == "clumsy"
    reasons = [refusal(directory, "clumsy", "wrong") for _ in range(3)]
    assert reasons[0] is Refusal.WRONG_PASSWORD
    assert reasons[-1] is Refusal.LOCKED
    assert refusal(directory, "clumsy", "clumsy-password") is Refusal.LOCKED
    assert found(directory, samba, dn) is Refusal.LOCKED


def test_password_times(open_with: Callable[..., Directory], samba: Samba) -> None:
    """When a password was changed and when it expires is read as seconds since the epoch."""
    person = open_with().find("bob").verify("bob-password")
    assert person.password_changed_at is not None
    assert person.password_expires_at is not None
    assert person.password_changed_at < person.password_expires_at
    before = person.password_changed_at
    samba.change(person.dn, {"pwdLastSet": 0})
    samba.change(person.dn, {"pwdLastSet": -1})
    after = open_with().read(person.id).password_changed_at
    assert after is not None
    assert after >= before


def test_clear_text_is_refused_with_an_alarm(open_with: Callable[..., Directory], samba: Samba) -> None:
    """A bind without TLS is strongerAuthRequired: a setting is wrong, nobody's password (RFC 4511, A.2)."""
    directory = open_with(
        uris=(samba.ldap,),
        start_tls=False,
        bind_dn=None,
        bind_password=None,
        user_dn_template=f"CN={{username}},{PEOPLE}",
    )
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_START_TLS") as caught:
        directory.find("alice").verify("alice-password")
    assert caught.value.alarm


def test_references_are_passed_over(open_with: Callable[..., Directory]) -> None:
    """A search from the top of the domain comes with references, which are not followed."""
    assert open_with(user_base=DOMAIN).find("alice").verify("alice-password").dn == ALICE


STAFF, EVERYBODY, USERS = f"CN=staff,{GROUPS}", f"CN=everybody,{GROUPS}", f"CN=Domain Users,CN=Users,{DOMAIN}"


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ({}, {STAFF, EVERYBODY, USERS}),
        ({"group_base": GROUPS}, {STAFF, EVERYBODY}),
        ({"group_base": GROUPS, "group_filter": IN_CHAIN}, {STAFF, EVERYBODY}),
        ({"group_base": GROUPS, "group_filter": "(member={dn})"}, {STAFF, EVERYBODY}),
        ({"group_base": DOMAIN, "group_filter": "(&(objectClass=group)(member={dn}))"}, {STAFF, EVERYBODY}),
    ],
)
def test_nested_groups(
    open_with: Callable[..., Directory], groups: dict[str, str], expected: set[str]
) -> None:
    """By token, by the rule in chain, or level by level: the same groups, though they form a loop."""
    person = open_with(**groups).find("alice", groups=True).verify("alice-password")
    assert expected <= set(person.groups)
    assert len(set(person.groups)) == len(person.groups)
    if groups:
        assert set(person.groups) == expected


def test_whatever_finds_alice_is_counted_as_alice(samba: Samba) -> None:
    """No letter that folds otherwise finds her: by a search, by a DN, or by the name of a bind."""
    where = (samba.address, 636)
    asker = Asker(where, PEOPLE, "sAMAccountName", account=(ADMINISTRATOR, PASSWORD), ca_file=samba.ca_file)
    letters = (chr(number) for number in range(0x80, 0x10000))
    others = [each for each in letters if each.isalnum() and folded(each) != "i"][::_EVERY]
    assert asker.found(["AL\N{LATIN CAPITAL LETTER I}CE"]) == {"alice"}
    for first in range(0, len(others), _AT_ONCE):
        assert asker.found([f"al{each}ce" for each in others[first : first + _AT_ONCE]]) == set()
    for each in others[::_EVERY]:
        assert not asker.exists(f"CN=al{each}ce,{PEOPLE}")
        assert asker.bind(f"al{each}ce@ad.campus.example", "alice-password") != 0
    assert asker.bind("ALICE@ad.campus.example", "alice-password") == 0
    asker.close()
