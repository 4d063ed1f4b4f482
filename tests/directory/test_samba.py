"""Active Directory, as Samba implements it: the rules of every directory, and behaviour special to it."""

import dataclasses
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from login.names import folded
from tests.directory.account_conformance import AccountConformance
from tests.directory.conformance import Campus, DirectoryConformance, needs_new_password, refusal
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
# Of the letters that could replace one in her name, every eleventh is tried, 400 in one search.
_EVERY, _BATCH = 11, 400
_SECOND = 10_000_000  # in steps of 100 ns, as in Active Directory


def load(server: Samba) -> None:
    """Create the users of the campus."""
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
    """Create the users whose logins are refused."""
    server.add_person("ended", "ended-password", accountExpires=132_223_104_000_000_000)
    server.add_person("mustchange", "mustchange-password", pwdLastSet=0)
    server.add_person("atnight", "atnight-password", logonHours=b"\0" * 21)
    clumsy = server.add_person("clumsy", "clumsy-password")
    # No user has an expired password: this server knows no age below a day, and does not allow anyone to set
    # the time of a change.
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
    """Make alice a member of staff, staff a member of everybody, and everybody a member of staff."""
    for name, member in (("staff", ALICE), ("everybody", f"CN=staff,{GROUPS}")):
        server.add(f"CN={name},{GROUPS}", objectClass=["top", "group"], sAMAccountName=name, member=member)
    server.change(f"CN=staff,{GROUPS}", {"member": [ALICE, f"CN=everybody,{GROUPS}"]})


@pytest.fixture(scope="module")
def samba(tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA) -> Iterator[Samba]:
    """A domain controller for all tests of this module."""
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
    """Open a directory on it, by default over TLS and with the service account."""

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
    """Read the id that the server assigned to alice."""
    campus = dataclasses.replace(CAMPUS, alice_id=person_id(samba, ALICE))
    monkeypatch.setattr(request.cls, "campus", campus)


@pytest.mark.usefixtures("_alices_id")
class TestSamba(DirectoryConformance):
    """Active Directory follows the rules of every directory."""


@pytest.mark.usefixtures("_alices_id")
class TestSambaFilter(FilterConformance):
    """Active Directory applies the user filter wherever a user is read."""


@pytest.mark.usefixtures("_alices_id")
class TestSambaAccounts(AccountConformance):
    """Active Directory shows accounts like every directory."""


class TestSambaLockout(LockoutConformance, ShieldConformance):
    """Active Directory shows the lockout status of accounts."""

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _domain_that_locks(cls, samba: Samba) -> Iterator[None]:
        """In these tests, failures within an hour lock any account of the domain for an hour."""
        lock_on_samba(samba)
        yield
        lock_on_samba(samba, 0)

    @pytest.fixture
    def administrator(self, samba: Samba) -> SambaAdministrator:
        """The administrator of the domain."""
        return SambaAdministrator(samba)

    def test_fine_grained_policy_is_read_if_the_account_may_read_it(
        self, open_with: Callable[..., Directory], samba: Samba
    ) -> None:
        """A user under a fine-grained policy has that policy's limit, if the account may read it."""
        assert look(open_with(), "clumsy")[1].limit is None
        assert look(open_with(bind_dn=ADMINISTRATOR, bind_password=PASSWORD), "clumsy")[1].limit == 2


def person_id(samba: Samba, dn: str) -> str:
    """Read the stable id of an entry as the administrator."""
    return str(uuid.UUID(bytes_le=samba.read(dn, "objectGUID")))


def reason_at_refresh(directory: Directory, samba: Samba, dn: str) -> Refusal:
    """Read a user again, which must be refused. Returns the reason."""
    with pytest.raises(InvalidCredentials) as caught:
        directory.read(person_id(samba, dn))
    return caught.value.reason


def test_login_works_over_start_tls(open_with: Callable[..., Directory], samba: Samba) -> None:
    """A login works over StartTLS (RFC 4511, 4.14)."""
    assert open_with(uris=(samba.ldap,)).find("alice").verify("alice-password").net_id == "alice"


def test_dn_with_special_characters_is_used_as_the_server_wrote_it(directory: Directory) -> None:
    """The DN is used as the server returned it, with its escapes (RFC 4514, 2.4)."""
    person = directory.find("comma").verify("comma-password")
    assert (person.net_id, person.name) == ("comma", "we*ird(x),y\\z")


@pytest.mark.parametrize(
    "net_id",
    ["alice", "alice@ad.campus.example", "ALICE@AD.Campus.Example", "CAMPUS\\alice", "campus\\ALICE"],
)
def test_every_form_of_login_name_leads_to_one_user(open_with: Callable[..., Directory], net_id: str) -> None:
    """A plain name, a user principal name, and a name after the domain lead to one entry."""
    directory = open_with(realms=("ad.campus.example", "CAMPUS"))
    assert directory.find(net_id).verify("alice-password").dn == ALICE


def test_principal_name_needs_no_realm(directory: Directory) -> None:
    """A user principal name needs no listed realm; a domain that is not listed is unknown."""
    assert directory.find("alice@ad.campus.example").verify("alice-password").net_id == "alice"
    for net_id in ("CAMPUS\\alice", "alice@campus.example"):
        assert refusal(directory, net_id, "alice-password") is Refusal.UNKNOWN_PERSON


@pytest.mark.parametrize(
    ("net_id", "refused"),
    [("sam", Refusal.DISABLED), ("ended", Refusal.EXPIRED)],
)
def test_disabled_or_ended_account_is_refused(
    open_with: Callable[..., Directory], samba: Samba, net_id: str, refused: Refusal
) -> None:
    """The entry shows a disabled or ended account; with a template the bind's sub-code does."""
    assert refusal(open_with(), net_id, f"{net_id}-password") is refused
    template = open_with(user_dn_template=f"CN={{username}},{PEOPLE}")
    assert refusal(template, net_id, f"{net_id}-password") is refused
    assert reason_at_refresh(open_with(), samba, f"CN={net_id},{PEOPLE}") is refused


def test_account_end_follows_the_clock(open_with: Callable[..., Directory], samba: Samba) -> None:
    """The clock that was passed in decides whether an account has ended."""
    directory = open_with(clock=lambda: 0.0)
    assert directory.read(person_id(samba, f"CN=ended,{PEOPLE}")).net_id == "ended"


def test_must_change_is_refused_even_if_allowed(open_with: Callable[..., Directory], samba: Samba) -> None:
    """The right password must be changed, a wrong one is wrong; this server accepts no such login."""
    for directory in (open_with(), open_with(allow_must_change=True)):
        assert refusal(directory, "mustchange", "mustchange-password") is Refusal.MUST_CHANGE
        assert refusal(directory, "mustchange", "wrong") is Refusal.WRONG_PASSWORD
    assert reason_at_refresh(open_with(), samba, f"CN=mustchange,{PEOPLE}") is Refusal.MUST_CHANGE


def test_page_may_say_that_a_new_password_is_needed_only_after_the_right_one(directory: Directory) -> None:
    """The sub-code 773 comes only with the right password; an account that has ended has no new password."""
    assert needs_new_password(directory, "mustchange", "mustchange-password")
    assert not needs_new_password(directory, "mustchange", "wrong")
    assert not needs_new_password(directory, "ended", "ended-password")


def test_login_outside_of_the_logon_hours_is_refused(directory: Directory) -> None:
    """Outside of the logon hours a user may not log in now."""
    assert refusal(directory, "atnight", "atnight-password") is Refusal.NOT_NOW


def test_right_password_is_locked_after_too_many_failures(directory: Directory, samba: Samba) -> None:
    """After too many failures the right password is refused as locked, and the entry shows the lock."""
    dn = f"CN=clumsy,{PEOPLE}"
    assert directory.read(person_id(samba, dn)).net_id == "clumsy"
    reasons = [refusal(directory, "clumsy", "wrong") for _ in range(3)]
    assert reasons[0] is Refusal.WRONG_PASSWORD
    assert reasons[-1] is Refusal.LOCKED
    assert refusal(directory, "clumsy", "clumsy-password") is Refusal.LOCKED
    assert reason_at_refresh(directory, samba, dn) is Refusal.LOCKED


def test_times_of_the_password_are_seconds_since_the_epoch(
    open_with: Callable[..., Directory], samba: Samba
) -> None:
    """The times of the last change and of the expiry are seconds since the epoch."""
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
    """A bind without TLS is strongerAuthRequired: a setting is wrong, not a password (RFC 4511, A.2)."""
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


def test_references_to_other_partitions_are_ignored(open_with: Callable[..., Directory]) -> None:
    """A search from the top of the domain returns references, which are not followed."""
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
def test_every_source_of_groups_includes_nested_groups(
    open_with: Callable[..., Directory], groups: dict[str, str], expected: set[str]
) -> None:
    """The token, the rule in chain and the search by levels find the same groups, in spite of a loop."""
    person = open_with(**groups).find("alice", groups=True).verify("alice-password")
    assert expected <= set(person.groups)
    assert len(set(person.groups)) == len(person.groups)
    if groups:
        assert set(person.groups) == expected


def test_no_name_that_folds_differently_finds_alice(samba: Samba) -> None:
    """No letter that folds to another text finds alice: by search, by DN, or by the name of a bind."""
    where = (samba.address, 636)
    asker = Asker(where, PEOPLE, "sAMAccountName", account=(ADMINISTRATOR, PASSWORD), ca_file=samba.ca_file)
    letters = (chr(number) for number in range(0x80, 0x10000))
    others = [each for each in letters if each.isalnum() and folded(each) != "i"][::_EVERY]
    assert asker.found(["AL\N{LATIN CAPITAL LETTER I}CE"]) == {"alice"}
    for first in range(0, len(others), _BATCH):
        assert asker.found([f"al{each}ce" for each in others[first : first + _BATCH]]) == set()
    for each in others[::_EVERY]:
        assert not asker.exists(f"CN=al{each}ce,{PEOPLE}")
        assert asker.bind(f"al{each}ce@ad.campus.example", "alice-password") != 0
    assert asker.bind("ALICE@ad.campus.example", "alice-password") == 0
    asker.close()
