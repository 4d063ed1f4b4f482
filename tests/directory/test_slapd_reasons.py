"""OpenLDAP's password policies: reasons of refusals, and warnings with accepted logins."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from tests.directory.conformance import TEMPLATE, needs_new_password, refusal
from tests.servers.slapd import Slapd, SlapdSettings, require_slapd

pytestmark = pytest.mark.server

REFUSED = Path(__file__).with_name("slapd.ldif")
CLUMSY = "00000000-0000-4000-8000-000000000201"
GROUPS = "ou=circles,dc=campus,dc=example"
COMMITTEE, EVERYBODY, SHELL = (f"cn={name},{GROUPS}" for name in ("committee", "everybody", "shell"))
MAX_AGE = 1_000_000_000


@pytest.fixture(scope="module")
def strict_slapd(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, everyone: bytes
) -> Iterator[Slapd]:
    """A slapd with password policies, users under them, and groups."""
    require_slapd()
    server = Slapd(
        tmp_path_factory.mktemp("slapd") / "data",
        authority,
        everyone + b"\n" + REFUSED.read_bytes(),
        SlapdSettings(more="include /etc/ldap/schema/nis.schema"),
    )
    server.start()
    yield server
    server.stop()


@pytest.fixture
def open_with(on_slapd: Callable[..., Directory], strict_slapd: Slapd) -> Callable[..., Directory]:
    """Open a directory on that slapd."""

    def open_it(**changes: Any) -> Directory:
        return on_slapd(strict_slapd, **changes)

    return open_it


@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_expired_password_is_expired_and_a_wrong_one_wrong(
    open_with: Callable[..., Directory], template: str | None
) -> None:
    """The right password is refused as expired, a wrong password as wrong."""
    directory = open_with(user_dn_template=template)
    assert refusal(directory, "expired", "expired-password") is Refusal.EXPIRED
    assert refusal(directory, "expired", "wrong") is Refusal.WRONG_PASSWORD


def test_page_may_say_that_a_new_password_is_needed_only_after_the_right_one(
    open_with: Callable[..., Directory],
) -> None:
    """The server judges the age of a password, or its reset, after it has verified the password."""
    for net_id in ("expired", "mustchange"):
        assert needs_new_password(open_with(), net_id, f"{net_id}-password")
        assert not needs_new_password(open_with(), net_id, "wrong")


def test_right_password_is_locked_after_too_many_failures(open_with: Callable[..., Directory]) -> None:
    """After too many failures the right password is refused as locked (ppolicy_use_lockout)."""
    directory = open_with()
    assert [refusal(directory, "clumsy", "wrong") for _ in range(3)][0::2] == [
        Refusal.WRONG_PASSWORD,
        Refusal.LOCKED,
    ]
    assert refusal(directory, "clumsy", "clumsy-password") is Refusal.LOCKED
    # Only the policy says when the lock ends, so the entry proves nothing.
    assert directory.read(CLUMSY).net_id == "clumsy"


@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_must_change_is_refused_unless_allowed(
    open_with: Callable[..., Directory], template: str | None
) -> None:
    """The bind succeeds, but is no login unless the setting allows it."""
    directory = open_with(user_dn_template=template)
    assert refusal(directory, "mustchange", "mustchange-password") is Refusal.MUST_CHANGE
    assert refusal(directory, "mustchange", "wrong") is Refusal.WRONG_PASSWORD
    allowing = open_with(user_dn_template=template, allow_must_change=True)
    assert allowing.find("mustchange").verify("mustchange-password").net_id == "mustchange"


def test_must_change_is_refused_if_only_the_user_may_read_the_entry(
    open_with: Callable[..., Directory],
) -> None:
    """The user's own connection may read nothing before the change, so the setting cannot help."""
    directory = open_with(user_dn_template=TEMPLATE, bind_dn=None, bind_password=None, allow_must_change=True)
    with pytest.raises(InvalidCredentials) as caught:
        directory.find("mustchange").verify("mustchange-password")
    assert caught.value.reason is Refusal.MUST_CHANGE


def test_control_reports_the_expiry_of_the_password(open_with: Callable[..., Directory]) -> None:
    """The control reports how long the password is valid."""
    person = open_with().find("warned").verify("warned-password")
    assert person.password_changed_at is not None
    assert person.password_expires_at is not None
    assert abs(person.password_expires_at - person.password_changed_at - MAX_AGE) < 5
    assert person.grace_logins_remaining is None


def test_grace_logins_are_counted_down(open_with: Callable[..., Directory]) -> None:
    """An expired password with grace logins is accepted, and reports how many are left."""
    directory = open_with()
    left = [directory.find("graced").verify("graced-password").grace_logins_remaining for _ in range(3)]
    assert left == [2, 1, 0]
    assert refusal(directory, "graced", "graced-password") is Refusal.EXPIRED


@pytest.mark.parametrize(
    ("groups", "net_id", "expected"),
    [
        ({"group_filter": "(member={dn})"}, "alice", {COMMITTEE, EVERYBODY}),
        ({"group_filter": "(&(objectClass=groupOfNames)(member={dn}))"}, "alice", {COMMITTEE, EVERYBODY}),
        ({"group_filter": "(memberUid={username})"}, "alice", {SHELL}),
        ({"group_filter": "(|(member={dn})(memberUid={username}))"}, "alice", {COMMITTEE, EVERYBODY, SHELL}),
        ({"group_filter": "(member={dn})"}, "we*ird(x),y\\z", {COMMITTEE, EVERYBODY}),
        ({"group_filter": "(member={dn})"}, "bob", set()),
    ],
)
@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_groups_are_searched_by_dn_and_name_through_all_levels(
    open_with: Callable[..., Directory],
    groups: dict[str, str],
    net_id: str,
    expected: set[str],
    template: str | None,
) -> None:
    """Groups are searched by DN or name, level by level, and loops end."""
    directory = open_with(group_base=GROUPS, user_dn_template=template, **groups)
    password = {"alice": "alice-password", "bob": "bob-password"}.get(net_id, "weird-password")
    person = directory.find(net_id, groups=True).verify(password)
    assert (len(person.groups), set(person.groups)) == (len(expected), expected)
    assert directory.read(person.id, groups=True).groups == person.groups
    assert directory.find(net_id).verify(password).groups == ()


def test_missing_group_base_is_an_alarm(open_with: Callable[..., Directory]) -> None:
    """If groups cannot be read, the user is not treated as a user without groups."""
    directory = open_with(group_base="ou=nowhere,dc=campus,dc=example", group_filter="(member={dn})")
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_GROUP_BASE") as caught:
        directory.find("alice", groups=True).verify("alice-password")
    assert caught.value.alarm
    assert directory.find("alice").verify("alice-password").groups == ()
