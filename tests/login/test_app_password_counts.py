"""The counts of wrong app passwords, the cache of people, and what a change of the password ends."""

from dataclasses import replace

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Person, Refusal
from login import AppPasswordLoginRefused, Throttled
from login.app_passwords import new_app_password
from login.app_passwords.recent_people import CACHE_SECONDS, MAX_PEOPLE, PersonKey, RecentPeople
from tests.conftest import NOON, Clock
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate, MadeAppPassword
from tests.login.campus import Campus, refused

DAY = 86_400


@pytest.fixture
def campus() -> Campus:
    """The directory."""
    return Campus()


@pytest.fixture
def gate(campus: Campus) -> Gate:
    """Logins with a limit of three failures by name."""
    return Gate(campus, person="3/15minutes")


class TestCounts:
    """Wrong app passwords, and wrong passwords of the directory, have counts of their own by name."""

    def test_five_hundred_wrong_ones(self, campus: Campus) -> None:
        """500 wrong app passwords: no question to the directory, no bind, and soon 429."""
        gate = Gate(campus, person="10/15minutes;100/day", shield_budget=3)
        outcomes = []
        for _ in range(500):
            try:
                gate.use(new_app_password())
            except Throttled:
                outcomes.append("throttled")
            except AppPasswordLoginRefused:
                outcomes.append("refused")
        assert outcomes == ["refused"] * 10 + ["throttled"] * 490
        assert (campus.asked, campus.sought, campus.bound) == ([], [], [])

    def test_wrong_ones_leave_the_net_id_password_alone(self) -> None:
        """However many app passwords were wrong, the user's Net ID password is tried."""
        gate = Gate(person="3/15minutes", shield_budget=1)
        for _ in range(3):
            refused(lambda: gate.use(new_app_password()))
        with pytest.raises(Throttled):
            gate.use(new_app_password())
        assert gate.ask() is ALICE

    def test_wrong_net_id_passwords_leave_app_passwords_alone(self) -> None:
        """However many Net ID passwords were wrong, an app password is answered, right or wrong."""
        wrong = InvalidCredentials(Refusal.WRONG_PASSWORD)
        directory = FakeDirectory(wrong, FakeAccount())
        gate = Gate(directory, person="3/15minutes")
        for _ in range(3):
            with pytest.raises(InvalidCredentials):
                gate.ask()
        with pytest.raises(Throttled):
            gate.ask()
        directory.outcome = ALICE
        refused(lambda: gate.use(new_app_password()))
        assert gate.use(gate.app_passwords.make())[0] is ALICE

    def test_ended_one_does_not_stop_others_at_its_address(self, campus: Campus) -> None:
        """A forgotten program that repeats an ended app password adds nothing to shared counts."""
        gate = Gate(campus, person="3/15minutes", client="3/15minutes", address="3/15minutes")
        ended = gate.app_passwords.make(MadeAppPassword(ended=True))
        for _ in range(3):
            refused(lambda: gate.use(ended))
        with pytest.raises(Throttled):
            gate.use(ended)
        refused(lambda: gate.use(new_app_password(), "carol"))
        assert gate.use(gate.app_passwords.make())[0] is ALICE

    def test_count_lasts_for_its_window(self, gate: Gate) -> None:
        """After the window, a wrong app password is looked at again."""
        for _ in range(3):
            refused(lambda: gate.use(new_app_password()))
        gate.clock.now += 901
        refused(lambda: gate.use(new_app_password()))

    def test_rate_of_a_client_counts_them(self, campus: Campus) -> None:
        """NETID_CLIENT_RATE limits logins with app passwords too."""
        gate = Gate(campus, client_rate="2/minute")
        value = gate.app_passwords.make()
        gate.use(value)
        gate.use(value)
        with pytest.raises(Throttled):
            gate.use(value)


class TestMisplaced:
    """An app password where a Net ID password belongs, or in the field of the name."""

    @pytest.mark.parametrize("typed", ["{}", " {}", "NIDP_wrong", "nidp_"])
    def test_sign_in_page_asks_no_directory(self, typed: str) -> None:
        """On the sign-in page an app password is refused, and no cache and no directory gets it."""
        gate = Gate()
        value = typed.format(gate.app_passwords.make())
        refused(lambda: gate.sign_in("alice", value))
        assert isinstance(gate.directory, FakeDirectory)
        assert (gate.directory.asked, gate.directory.bound, gate.refused.asked) == ([], [], 0)

    def test_sign_in_page_counts_it(self) -> None:
        """It is counted, and not against the user's Net ID password."""
        gate = Gate(person="3/15minutes")
        for _ in range(3):
            refused(lambda: gate.sign_in("alice", new_app_password()))
        with pytest.raises(Throttled):
            gate.sign_in("alice", new_app_password())
        assert gate.sign_in("alice") is ALICE

    def test_name_field_asks_no_directory(self) -> None:
        """A value that was pasted as the login name is searched nowhere."""
        gate = Gate()
        refused(lambda: gate.ask(gate.app_passwords.make(), "a password"))
        assert isinstance(gate.directory, FakeDirectory)
        assert (gate.directory.asked, gate.directory.bound, gate.refused.asked) == ([], [], 0)


class TestPasswordChange:
    """NETID_APP_PASSWORD_SURVIVES_PASSWORD_CHANGE."""

    def test_survives_by_default(self, gate: Gate, campus: Campus) -> None:
        """A new Net ID password leaves app passwords good."""
        value = gate.app_passwords.make()
        campus.people[ALICE.id] = replace(ALICE, password_changed_at=NOON)
        assert gate.use(value)[0].password_changed_at == NOON

    @pytest.mark.parametrize("known", [None, ALICE.password_changed_at])
    def test_ends_if_the_operator_says_so(self, campus: Campus, known: int | None) -> None:
        """Where it does not survive, a later change, or one of which nothing was known, ends it."""
        gate = Gate(campus, survives=False)
        campus.people[ALICE.id] = replace(ALICE, password_changed_at=NOON)
        refusal = refused(
            lambda: gate.use(gate.app_passwords.make(MadeAppPassword(password_changed_at=known)))
        )
        assert (refusal.reason, refusal.must_end) == (Refusal.APP_PASSWORD_ENDED, True)

    @pytest.mark.parametrize("changed", [None, ALICE.password_changed_at, 1])
    def test_unchanged_password_ends_nothing(self, campus: Campus, changed: int | None) -> None:
        """The same or an earlier change, as a replica that lags behind shows, ends nothing."""
        gate = Gate(campus, survives=False)
        campus.people[ALICE.id] = replace(ALICE, password_changed_at=changed)
        gate.use(gate.app_passwords.make())


class TestCache:
    """The person is cached for at most five minutes."""

    def test_directory_is_asked_every_five_minutes(self, gate: Gate, campus: Campus) -> None:
        """Within five minutes of a read the directory is not asked; then it is, and may be away."""
        value = gate.app_passwords.make()
        gate.use(value)
        gate.clock.now += CACHE_SECONDS - 1
        campus.outcome = DirectoryUnavailable("away")
        gate.use(value)
        assert campus.sought == [ALICE.id]
        gate.clock.now += 1
        with pytest.raises(DirectoryUnavailable):
            gate.use(value)

    def test_use_does_not_prolong_it(self, gate: Gate, campus: Campus) -> None:
        """A program that logs in all the time does not keep a disabled user active."""
        value = gate.app_passwords.make()
        gate.use(value)
        campus.outcome = InvalidCredentials(Refusal.DISABLED)
        for _ in range(4):
            gate.clock.now += 60
            gate.use(value, "a.baker@campus.example" if gate.clock.now % 2 else "alice")
        gate.clock.now += 60
        assert refused(lambda: gate.use(value)).must_end

    def test_refusal_is_not_cached(self, gate: Gate, campus: Campus) -> None:
        """A user who is active again logs in at once."""
        value = gate.app_passwords.make()
        campus.outcome = InvalidCredentials(Refusal.LOCKED)
        refused(lambda: gate.use(value))
        campus.outcome = ALICE
        assert gate.use(value)[0] is ALICE

    def test_groups_are_read_where_they_are_wanted(self, gate: Gate, campus: Campus) -> None:
        """A person who was read without groups is read again for a login that needs them."""
        value = gate.app_passwords.make()
        gate.use(value)
        gate.use(value, groups=True)
        gate.use(value, groups=True)
        assert len(campus.sought) == 2

    def test_clock_that_was_set_back_ends_it(self, gate: Gate, campus: Campus) -> None:
        """A clock that goes back does not stretch the five minutes."""
        value = gate.app_passwords.make()
        gate.use(value)
        gate.clock.now -= 10
        gate.use(value)
        assert len(campus.sought) == 2

    def test_it_is_bounded(self) -> None:
        """The oldest of too many people is dropped."""
        recent, reads = RecentPeople(Clock()), []

        def read() -> Person:
            reads.append(1)
            return ALICE

        for number in range(MAX_PEOPLE + 1):
            recent.get(PersonKey("default", str(number), groups=False), read)
        recent.get(PersonKey("default", "1", groups=False), read)
        assert len(reads) == MAX_PEOPLE + 1
        recent.get(PersonKey("default", "0", groups=False), read)
        assert len(reads) == MAX_PEOPLE + 2
