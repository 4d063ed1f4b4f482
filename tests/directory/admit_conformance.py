"""What a directory shows of an account before a password is tried, and of a person without one.

One rule a test. Subclassed over each kind of directory.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from directory import Account, Directory, InvalidCredentials, Refusal
from tests.directory.conformance import Campus

WRONG = "bob-password"
MINUTE = 60


class Held(Exception):
    """What a test raises to keep a password from being tried."""


class Gate:
    """Admits accounts, or holds them; remembers those that it was shown."""

    def __init__(self, outcome: Exception | None = None) -> None:
        self.outcome = outcome
        self.shown: list[Account] = []

    def __call__(self, account: Account) -> None:
        """Look at the account, without touching it."""
        self.shown.append(account)
        if self.outcome is not None:
            raise self.outcome


def refusal_of(
    directory: Directory, net_id: str, password: str, gate: Gate | None = None
) -> InvalidCredentials:
    """Log in, which must be refused, and return the refusal."""
    with pytest.raises(InvalidCredentials) as caught:
        directory.authenticate(net_id, password, admit=gate)
    return caught.value


class AdmitConformance:
    """The rules, by a search and by a template. A subclass has `open_with(**settings)` and its campus."""

    campus: ClassVar[Campus] = Campus()

    @pytest.fixture(params=["search", "template"])
    def directory(self, request: pytest.FixtureRequest, open_with: Callable[..., Directory]) -> Directory:
        """Without and with a search before the bind; every change of a password is a while ago."""
        template = {"user_dn_template": self.campus.template} if request.param == "template" else {}
        return open_with(clock=lambda: time.time() + MINUTE, **template)

    def test_admitted_account_is_the_persons(self, directory: Directory) -> None:
        """Whoever admits sees whose password is tried, and the login goes on when they say nothing."""
        gate = Gate()
        person = directory.authenticate("ALICE", "alice-password", admit=gate)
        assert [account.person_id for account in gate.shown] == [person.id] == [self.campus.alice_id]

    def test_nobody_is_shown(self, directory: Directory) -> None:
        """A name that leads to no entry has no account: to look at one refuses the login."""

        def admit(account: Account) -> None:
            assert account.person_id

        with pytest.raises(InvalidCredentials) as caught:
            directory.authenticate("nobody", "alice-password", admit=admit)
        assert (caught.value.reason, caught.value.person_id) == (Refusal.UNKNOWN_PERSON, None)

    def test_what_admit_raises_goes_through(self, directory: Directory) -> None:
        """The password of somebody who is held is not tried, and no answer of the directory hides it."""
        with pytest.raises(Held):
            directory.authenticate("alice", "alice-password", admit=Gate(Held()))

    def test_refusal_by_admit_names_the_person(self, directory: Directory) -> None:
        """Who was looked at and refused from memory is found by their id as after a bind."""

        def admit(account: Account) -> None:
            assert account.person_id
            raise InvalidCredentials(Refusal.WRONG_PASSWORD)

        with pytest.raises(InvalidCredentials) as caught:
            directory.authenticate("alice", "alice-password", admit=admit)
        assert caught.value.person_id == self.campus.alice_id
        assert caught.value.server is None

    def test_refused_bind_names_person_and_server(self, directory: Directory) -> None:
        """A wrong password is somebody's, and some server said so."""
        for gate in (None, Gate()):
            refusal = refusal_of(directory, " Alice", WRONG, gate)
            assert (refusal.reason, refusal.person_id) == (Refusal.WRONG_PASSWORD, self.campus.alice_id)
            assert refusal.server

    def test_refusal_of_nobody_names_nobody(self, directory: Directory) -> None:
        """A name that leads to no entry is an unknown person, whose bind is not needed to say so."""
        refusal = refusal_of(directory, "nobody", "alice-password", Gate())
        assert (refusal.reason, refusal.person_id) == (Refusal.UNKNOWN_PERSON, None)

    def test_disabled_person_is_named(self, directory: Directory) -> None:
        """An account that is switched off is still somebody's."""
        refusal = refusal_of(directory, "sam", "sam-password")
        assert refusal.reason in {Refusal.DISABLED, Refusal.LOCKED}
        assert refusal.person_id

    def test_state_is_the_same_until_something_changes(self, directory: Directory) -> None:
        """Two looks at an account that nobody changed are equal, whoever looks and whatever they tried."""
        gate = Gate()
        refusal_of(directory, "alice", WRONG, gate)
        refusal_of(directory, "alice", WRONG, gate)
        directory.authenticate("alice", "alice-password", groups=True, admit=gate)
        states = {account.state for account in gate.shown}
        assert len(states) == 1
        assert all(account.is_unchanged() == (states != {b""}) for account in gate.shown)

    def test_state_is_empty_where_no_change_is_told(self, open_with: Callable[..., Directory]) -> None:
        """Without the moment of the last change nothing is certain, and the state is empty."""
        gate = Gate()
        directory = open_with(password_changed_attribute="employeeNumber")
        directory.authenticate("alice", "alice-password", admit=gate)
        assert gate.shown[0].state == b""
        assert not gate.shown[0].is_unchanged()

    def test_standing_can_be_asked_for(self, directory: Directory) -> None:
        """What is not known is None; what is known is a number."""

        def admit(account: Account) -> None:
            lockout_status = account.lockout_status()
            assert lockout_status.failures in {None, 0}
            assert lockout_status.limit is None or lockout_status.limit >= 0

        assert directory.authenticate("alice", "alice-password", admit=admit).net_id == "alice"

    def test_examined_person(self, directory: Directory) -> None:
        """Whom a login would find is found without a password, and with groups where they are wanted."""
        state = directory.examine(" ALICE ")
        assert (state.person, state.refusal) == (directory.find(self.campus.alice_id), None)
        assert self.campus.staff_dn in directory.examine("alice", groups=True).person.groups

    def test_examined_person_who_may_not_log_in(self, directory: Directory) -> None:
        """Why somebody cannot log in is in their entry, with a sentence for the help desk."""
        state = directory.examine("sam")
        assert (state.refusal, state.person.net_id) == (Refusal.DISABLED, "sam")
        assert "administrator" in state.detail

    def test_examined_name_of_nobody(self, directory: Directory) -> None:
        """A name that leads to no entry is an unknown person."""
        for name in ("nobody", "*", ""):
            with pytest.raises(InvalidCredentials) as caught:
                directory.examine(name)
            assert caught.value.reason is Refusal.UNKNOWN_PERSON

    def test_examined_name_of_two(self, open_with: Callable[..., Directory]) -> None:
        """A name that finds two entries is ambiguous."""
        with pytest.raises(InvalidCredentials) as caught:
            open_with(user_filter=self.campus.twin_filter).examine("twin")
        assert caught.value.reason is Refusal.AMBIGUOUS

    def test_nobody_admits_by_the_persons_own_eyes(self, open_with: Callable[..., Directory]) -> None:
        """Where people alone may read their entry there is no account before the bind to be shown."""
        nobody: dict[str, Any] = {"user_base": None, "bind_dn": None, "bind_password": None}
        directory = open_with(user_dn_template=self.campus.template, **nobody)
        gate = Gate(Held())
        assert directory.authenticate("alice", "alice-password", admit=gate).id == self.campus.alice_id
        assert refusal_of(directory, "alice", WRONG, gate).person_id is None
        assert gate.shown == []
