"""What a directory reports about an account before the bind, and about a person without a password.

One rule a test. Subclassed for each kind of directory.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from directory import Account, Directory, DirectoryUnavailable, InvalidCredentials, LockoutStatus, Refusal
from tests.directory.conformance import Campus, log_in

WRONG = "bob-password"
MINUTE = 60


class Seen:
    """Remembers the accounts that were found, without reading them."""

    def __init__(self) -> None:
        self.accounts: list[Account] = []

    def __call__(self, account: Account) -> None:
        """Remember the account."""
        self.accounts.append(account)


def read_account(account: Account) -> None:
    """Read the account before the bind, as the limits do."""
    assert account.person_id


def refusal_of(
    directory: Directory, net_id: str, password: str, look: Callable[[Account], None] | None = None
) -> InvalidCredentials:
    """Log in, which must be refused, and return the refusal."""
    with pytest.raises(InvalidCredentials) as caught:
        log_in(directory, net_id, password, look=look)
    return caught.value


class AccountConformance:
    """Rules for searches and templates. A subclass provides `open_with(**settings)` and its `campus`."""

    campus: ClassVar[Campus] = Campus()

    @pytest.fixture(params=["search", "template"])
    def directory(self, request: pytest.FixtureRequest, open_with: Callable[..., Directory]) -> Directory:
        """A directory with and without a search before the bind; no password changed within a minute."""
        template = {"user_dn_template": self.campus.template} if request.param == "template" else {}
        return open_with(clock=lambda: time.time() + MINUTE, **template)

    def test_account_has_the_id_of_the_verified_person(self, directory: Directory) -> None:
        """The account that a name leads to has the id of the person whose password is then verified."""
        account = directory.find("ALICE")
        assert account.is_readable
        assert account.person_id == account.verify("alice-password").id == self.campus.alice_id

    def test_unknown_name_has_no_account_to_read(self, directory: Directory) -> None:
        """A name that leads to no entry is refused when the account is found or read."""
        refusal = refusal_of(directory, "nobody", "alice-password", read_account)
        assert (refusal.reason, refusal.person_id) == (Refusal.UNKNOWN_PERSON, None)

    def test_refusal_without_bind_has_the_person_and_no_server(self, directory: Directory) -> None:
        """A refusal from the cache has the person's id as a refused bind has; no server refused it."""
        account = directory.find("alice")
        assert account.person_id
        refusal = account.refusal_without_bind("cached")
        assert (refusal.reason, refusal.detail) == (Refusal.WRONG_PASSWORD, "cached")
        assert (refusal.person_id, refusal.server) == (self.campus.alice_id, None)

    def test_refusal_without_bind_fails_where_a_bind_would_fail(
        self, open_with: Callable[..., Directory]
    ) -> None:
        """If groups cannot be searched, a cached refusal is 503, like a bind."""
        nowhere = f"ou=nowhere,{self.campus.people}"
        directory = open_with(group_base=nowhere, group_filter="(member={dn})")
        account = directory.find("alice", groups=True)
        with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_GROUP_BASE"):
            account.refusal_without_bind("cached")
        assert directory.find("alice").refusal_without_bind("cached").person_id == self.campus.alice_id

    def test_refused_bind_names_person_and_server(self, directory: Directory) -> None:
        """The refusal of a wrong password has the person's id and the server that refused the bind."""
        for look in (None, Seen()):
            refusal = refusal_of(directory, " Alice", WRONG, look)
            assert (refusal.reason, refusal.person_id) == (Refusal.WRONG_PASSWORD, self.campus.alice_id)
            assert refusal.server

    def test_refusal_of_an_unknown_name_has_no_person(self, directory: Directory) -> None:
        """A name that leads to no entry is refused as `unknown_person`, whether or not it was read first."""
        refusal = refusal_of(directory, "nobody", "alice-password", Seen())
        assert (refusal.reason, refusal.person_id) == (Refusal.UNKNOWN_PERSON, None)

    def test_refusal_of_a_disabled_person_has_their_id(self, directory: Directory) -> None:
        """A disabled account still belongs to a person."""
        refusal = refusal_of(directory, "sam", "sam-password")
        assert refusal.reason in {Refusal.DISABLED, Refusal.LOCKED}
        assert refusal.person_id

    def test_fingerprint_is_the_same_until_something_changes(self, directory: Directory) -> None:
        """The fingerprint of an unchanged account is equal in every login, right or wrong."""
        seen = Seen()
        refusal_of(directory, "alice", WRONG, seen)
        refusal_of(directory, "alice", WRONG, seen)
        log_in(directory, "alice", "alice-password", groups=True, look=seen)
        fingerprints = {account.fingerprint for account in seen.accounts}
        assert len(fingerprints) == 1
        assert all(account.is_unchanged() == (fingerprints != {b""}) for account in seen.accounts)

    def test_fingerprint_is_empty_if_the_last_change_is_not_shown(
        self, open_with: Callable[..., Directory]
    ) -> None:
        """Without the time of the last password change nothing is certain."""
        directory = open_with(password_changed_attribute="employeeNumber")
        account = directory.find("alice")
        assert account.verify("alice-password").id == self.campus.alice_id
        assert account.fingerprint == b""
        assert not account.is_unchanged()

    def test_lockout_status_can_be_read_before_the_bind(self, directory: Directory) -> None:
        """A value that the directory does not show is None; a value that it shows is a number."""
        account = directory.find("alice")
        lockout_status = account.lockout_status()
        assert lockout_status.failures in {None, 0}
        assert lockout_status.limit is None or lockout_status.limit >= 0
        assert account.verify("alice-password").net_id == "alice"

    def test_examine_returns_the_person_of_a_login(self, directory: Directory) -> None:
        """A person is examined without a password, and with groups on request."""
        state = directory.examine(" ALICE ")
        assert (state.person, state.refusal) == (directory.read(self.campus.alice_id), None)
        assert self.campus.staff_dn in directory.examine("alice", groups=True).person.groups

    def test_examine_returns_the_reason_of_a_refusal(self, directory: Directory) -> None:
        """The entry shows why the person cannot log in, with a sentence for the help desk."""
        state = directory.examine("sam")
        assert (state.refusal, state.person.net_id) == (Refusal.DISABLED, "sam")
        assert "administrator" in state.detail

    def test_examined_unknown_name_is_unknown(self, directory: Directory) -> None:
        """A name that leads to no entry is an unknown person."""
        for name in ("nobody", "*", ""):
            with pytest.raises(InvalidCredentials) as caught:
                directory.examine(name)
            assert caught.value.reason is Refusal.UNKNOWN_PERSON

    def test_examined_name_of_two_entries_is_ambiguous(self, open_with: Callable[..., Directory]) -> None:
        """A name that finds two entries is ambiguous."""
        with pytest.raises(InvalidCredentials) as caught:
            open_with(user_filter=self.campus.twin_filter).examine("twin")
        assert caught.value.reason is Refusal.AMBIGUOUS

    def test_account_is_not_readable_where_only_users_read_their_entries(
        self, open_with: Callable[..., Directory]
    ) -> None:
        """With a template and no service account, an account shows nothing before the bind."""
        nobody: dict[str, Any] = {"user_base": None, "bind_dn": None, "bind_password": None}
        directory = open_with(user_dn_template=self.campus.template, **nobody)
        account = directory.find("alice")
        assert not account.is_readable
        assert (account.fingerprint, account.is_unchanged()) == (b"", False)
        assert account.lockout_status() == LockoutStatus()
        with pytest.raises(DirectoryUnavailable):
            _ = account.person_id
        assert account.verify("alice-password").id == self.campus.alice_id
        assert refusal_of(directory, "alice", WRONG).person_id is None
