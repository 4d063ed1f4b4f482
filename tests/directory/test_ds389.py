"""389-ds: the rules of every directory, and behaviour that is special to this server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from directory import Directory, DirectoryUnavailable, InvalidCredentials, LockoutStatus, Refusal
from tests.directory.account_conformance import AccountConformance
from tests.directory.conformance import (
    ALICE,
    Campus,
    DirectoryConformance,
    ManyNamesConformance,
    needs_new_password,
    refusal,
)
from tests.directory.conftest import SERVICE
from tests.directory.filter_conformance import FilterConformance
from tests.directory.lockout_conformance import LockoutConformance, look
from tests.directory.shield_conformance import ShieldConformance
from tests.servers.administrator import Ds389Administrator
from tests.servers.ds389 import Ds389, as_on_389ds, require_ds389, unique_id
from tests.servers.policy import lock_nobody_on_389ds, lock_on_389ds

pytestmark = pytest.mark.server

REFUSED = Path(__file__).with_name("ds389.ldif")
CLUMSY = "00000000-00004000-80000000-00000101"


@pytest.fixture(scope="module")
def ds389(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, everyone: bytes
) -> Iterator[Ds389]:
    """A 389-ds for all tests of this module."""
    require_ds389()
    people = as_on_389ds(everyone) + b"\n" + REFUSED.read_bytes()
    server = Ds389(tmp_path_factory.mktemp("ds389") / "data", authority, people)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_with(opened: Callable[..., Directory], ds389: Ds389) -> Callable[..., Directory]:
    """Open a directory on it, by default over TLS and with the service account."""

    def open_it(**changes: Any) -> Directory:
        settings = {
            "uris": (ds389.ldaps,),
            "ca_file": ds389.ca_file,
            "bind_dn": SERVICE,
            "bind_password": "svc-password",
            "user_base": "ou=people,dc=campus,dc=example",
            "profile": "389ds",
        }
        return opened(**{**settings, **changes})

    return open_it


class TestDs389(DirectoryConformance, ManyNamesConformance):
    """389-ds follows the rules of every directory."""

    campus = Campus(alice_id=unique_id(ALICE))


class TestDs389Filter(FilterConformance):
    """389-ds applies the user filter wherever a user is read."""

    campus = Campus(alice_id=unique_id(ALICE))


class TestDs389Accounts(AccountConformance):
    """389-ds shows accounts like every directory."""

    campus = Campus(alice_id=unique_id(ALICE))


class TestDs389Lockout(LockoutConformance, ShieldConformance):
    """389-ds shows the lockout status of accounts."""

    # The server may lose a count: of four simultaneous wrong binds it sometimes counts three.
    counts_each = False

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server_that_locks(cls, ds389: Ds389) -> Iterator[None]:
        """Lock accounts for an hour in these tests, and let the service account read the limit."""
        administrator = Ds389Administrator(ds389)
        lock_on_389ds(administrator)
        yield
        lock_nobody_on_389ds(administrator)

    @pytest.fixture
    def administrator(self, ds389: Ds389) -> Ds389Administrator:
        """The administrator of the server."""
        return Ds389Administrator(ds389)


def test_hidden_policy_is_unknown(open_with: Callable[..., Directory]) -> None:
    """The account may not read the server's configuration, but may read a policy that an entry names."""
    assert look(open_with())[1] == LockoutStatus(0, None)
    assert look(open_with(), "clumsy")[1].limit == 2
    assert look(open_with(), "warned")[1].limit == 0


def test_login_works_over_start_tls(open_with: Callable[..., Directory], ds389: Ds389) -> None:
    """A login works over StartTLS (RFC 4511, 4.14)."""
    directory = open_with(uris=(ds389.ldap,))
    assert directory.find("alice").verify("alice-password").id == unique_id(ALICE)


def test_right_password_is_locked_after_too_many_failures(open_with: Callable[..., Directory]) -> None:
    """After too many failures the right password gets result 19, and the entry shows the lock."""
    directory = open_with()
    assert directory.read(CLUMSY).net_id == "clumsy"
    reasons = [refusal(directory, "clumsy", "wrong") for _ in range(3)]
    assert reasons[0] is Refusal.WRONG_PASSWORD
    assert reasons[-1] is Refusal.LOCKED
    assert refusal(directory, "clumsy", "clumsy-password") is Refusal.LOCKED
    with pytest.raises(InvalidCredentials) as caught:
        directory.read(CLUMSY)
    assert caught.value.reason is Refusal.LOCKED


def test_inactivated_user_is_disabled_by_result_53(open_with: Callable[..., Directory]) -> None:
    """With a template the bind comes first: it returns 53 for this user, whatever the password is."""
    directory = open_with(user_dn_template="uid={username},ou=people,dc=campus,dc=example")
    for password in ("sam-password", "wrong"):
        assert refusal(directory, "sam", password) is Refusal.DISABLED


def test_result_53_under_another_profile_is_an_outage(open_with: Callable[..., Directory]) -> None:
    """Other kinds use 53 for faults of the server, so under a wrong profile it proves nothing."""
    directory = open_with(
        user_dn_template="uid={username},ou=people,dc=campus,dc=example",
        profile="openldap",
        id_attribute="nsUniqueId",
    )
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_PROFILE"):
        directory.find("sam").verify("sam-password")


def test_expired_password_is_expired_and_a_wrong_one_wrong(open_with: Callable[..., Directory]) -> None:
    """An expired password is refused as expired, a wrong password as wrong."""
    assert refusal(open_with(), "expired", "expired-password") is Refusal.EXPIRED
    assert refusal(open_with(), "expired", "wrong") is Refusal.WRONG_PASSWORD


def test_page_may_say_that_a_new_password_is_needed_only_after_the_right_one(
    open_with: Callable[..., Directory],
) -> None:
    """The server judges the age of a password, or its reset, after it has verified the password."""
    for net_id in ("expired", "mustchange"):
        assert needs_new_password(open_with(), net_id, f"{net_id}-password")
        assert not needs_new_password(open_with(), net_id, "wrong")


def test_control_and_entry_report_the_same_expiry(open_with: Callable[..., Directory]) -> None:
    """The control and the entry report how long the password is valid."""
    person = open_with().find("warned").verify("warned-password")
    found = open_with().read(person.id)
    assert person.password_expires_at is not None
    assert found.password_expires_at is not None
    assert abs(person.password_expires_at - found.password_expires_at) < 5


def test_grace_logins_are_counted_down(open_with: Callable[..., Directory]) -> None:
    """An expired password with grace logins is accepted, and reports how many are left."""
    directory = open_with()
    left = [directory.find("graced").verify("graced-password").grace_logins_remaining for _ in range(2)]
    assert left[0] is not None
    assert left[1] == left[0] - 1


def test_must_change_is_refused_unless_allowed(open_with: Callable[..., Directory]) -> None:
    """The bind succeeds, but is no login unless the setting allows it."""
    assert refusal(open_with(), "mustchange", "mustchange-password") is Refusal.MUST_CHANGE
    assert refusal(open_with(), "mustchange", "wrong") is Refusal.WRONG_PASSWORD
    allowing = open_with(allow_must_change=True)
    assert allowing.find("mustchange").verify("mustchange-password").net_id == "mustchange"
