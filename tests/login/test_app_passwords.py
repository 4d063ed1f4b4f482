"""Logins with app passwords: no bind, no password of the directory, and limits of their own."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from directory import Account, DirectoryUnavailable, InvalidCredentials, Person, Refusal
from login import AppPasswordLoginRefused, Throttled
from login.app_passwords import new_app_password
from login.app_passwords.recent_people import CACHE_SECONDS, MAX_PEOPLE, PersonKey, RecentPeople
from login.app_passwords.service import NEEDS_SEARCH
from tests.conftest import NOON, Clock
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate, MadeAppPassword

DAY = 86_400
CAROL = replace(ALICE, id="carol-id", net_id="carol")


class Campus(FakeDirectory):
    """A directory of two people, each with a further name. It fails at a bind."""

    def __init__(self) -> None:
        super().__init__(account=FakeAccount())
        self.people = {person.id: person for person in (ALICE, CAROL)}
        self.names = {"alice": ALICE.id, "a.baker@campus.example": ALICE.id, "carol": CAROL.id}

    def find(self, net_id: str, *, groups: bool = False) -> Account:
        """The account of a name."""
        if net_id not in self.names:
            self.asked.append(net_id)
            raise InvalidCredentials(Refusal.DISABLED if net_id == "dora" else Refusal.UNKNOWN_PERSON)
        self.account = FakeAccount(person_id=self.names[net_id])
        return super().find(net_id, groups=groups)

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """The person with an id, or the outcome that a test chose."""
        person = super().read(person_id, groups=groups)
        return self.people[person_id] if person is ALICE else person

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """No test here may come so far."""
        raise AssertionError("a bind")


@pytest.fixture
def campus() -> Campus:
    """The directory."""
    return Campus()


@pytest.fixture
def gate(campus: Campus) -> Gate:
    """Logins with a limit of three failures by name."""
    return Gate(campus, person="3/15minutes")


def refused(call: Callable[[], object]) -> AppPasswordLoginRefused:
    """The refusal that a call raises."""
    with pytest.raises(AppPasswordLoginRefused) as caught:
        call()
    return caught.value


class TestRightValue:
    """RFC 6749, 4.3.2, with an app password in the place of the password."""

    def test_gives_the_person_by_their_stable_id(self, gate: Gate, campus: Campus) -> None:
        """The directory is asked by the stable id, and no bind is made."""
        record = MadeAppPassword()
        person, used = gate.use(gate.app_passwords.make(record))
        assert (person, used) == (ALICE, record)
        assert (campus.sought, campus.asked, campus.bound) == ([ALICE.id], [], [])

    @pytest.mark.parametrize("typed", ["alice", "ALICE", " alice ", "Alice\t"])
    def test_case_and_spaces_of_the_name_do_not_matter(self, gate: Gate, campus: Campus, typed: str) -> None:
        """A spelling that every directory equates needs no search."""
        assert gate.use(gate.app_passwords.make(), typed)[0] is ALICE
        assert campus.asked == []

    def test_another_name_of_the_person_is_searched_once(self, gate: Gate, campus: Campus) -> None:
        """A name that only the directory knows to be the person's is kept for minutes."""
        value = gate.app_passwords.make()
        for _ in range(3):
            assert gate.use(value, "a.baker@campus.example")[0] is ALICE
        assert campus.asked == ["a.baker@campus.example"]
        gate.clock.now += CACHE_SECONDS
        gate.use(value, "a.baker@campus.example")
        assert campus.asked == ["a.baker@campus.example"] * 2

    def test_rule_sees_the_person(self, gate: Gate) -> None:
        """The rules about people are applied within the login."""
        seen: list[Person] = []
        gate.use(gate.app_passwords.make(), check=seen.append)
        assert seen == [ALICE]

    def test_wrong_ones_before_do_not_block_it(self, gate: Gate) -> None:
        """Nobody stops another's program by guesses: 256 bits need no limit by name."""
        value = gate.app_passwords.make()
        for _ in range(3):
            refused(lambda: gate.use(new_app_password()))
        with pytest.raises(Throttled):
            gate.use(new_app_password())
        assert gate.use(value)[0] is ALICE

    def test_the_limit_of_an_address_holds_for_it_too(self, campus: Campus) -> None:
        """Once this process knows an address to be over its limit, it answers nothing else there."""
        gate = Gate(campus, address="3/15minutes")
        value = gate.app_passwords.make()
        for number in range(3):
            refused(partial(gate.use, new_app_password(), f"name{number}"))
        with pytest.raises(Throttled):
            gate.use(new_app_password(), "other")
        with pytest.raises(Throttled):
            gate.use(value)
        assert gate.use(value, address="192.0.2.2")[0] is ALICE


class TestRefusals:
    """Each is counted, and none asks the directory for more than it needs."""

    @pytest.mark.parametrize(
        ("record", "reason"),
        [
            (MadeAppPassword(client_id="another"), Refusal.WRONG_PASSWORD),
            (MadeAppPassword(expires_at=NOON), Refusal.EXPIRED),
            (MadeAppPassword(ended=True), Refusal.EXPIRED),
            (MadeAppPassword(used_at=NOON - 90 * DAY), Refusal.EXPIRED),
            (MadeAppPassword(networks=["198.51.100.0/24", "2001:db8::/32"]), Refusal.NOT_FROM_HERE),
        ],
    )
    def test_record_that_does_not_allow_it(
        self, gate: Gate, campus: Campus, record: MadeAppPassword, reason: Refusal
    ) -> None:
        """Another client, another network, an end: refused before the directory is asked."""
        refusal = refused(lambda: gate.use(gate.app_passwords.make(record)))
        assert (refusal.reason, refusal.record, refusal.person_id) == (reason, record, ALICE.id)
        assert (campus.sought, campus.asked) == ([], [])

    @pytest.mark.parametrize(
        "typed",
        [
            str.upper,
            " {}".format,
            "{}\n".format,
            lambda value: value[:-1],
            lambda value: value[:20] + ("A" if value[20] != "A" else "B") + value[21:],
            lambda value: value + "x" * 16_000,
            lambda _: "nidp_",
        ],
    )
    def test_mistyped_value_costs_no_query(
        self, gate: Gate, campus: Campus, typed: Callable[[str], str]
    ) -> None:
        """A value that the checksum, the length or the case excludes is not looked up anywhere."""
        value = gate.app_passwords.make()
        assert refused(lambda: gate.use(typed(value))).reason is Refusal.WRONG_PASSWORD
        assert (gate.app_passwords.asked, campus.sought, campus.asked) == (0, [], [])

    def test_unknown_value(self, gate: Gate, campus: Campus) -> None:
        """A well-formed value that was never made costs one query, and no question to the directory."""
        assert refused(lambda: gate.use(new_app_password())).record is None
        assert (gate.app_passwords.asked, campus.sought) == (1, [])

    @pytest.mark.parametrize("typed", ["carol", "nobody", "a\0", "x" * 300, "", "*", "nidp_x"])
    def test_other_name(self, gate: Gate, campus: Campus, typed: str) -> None:
        """The name must be the owner's; one that is no name at all reaches no directory."""
        refusal = refused(lambda: gate.use(gate.app_passwords.make(), typed))
        assert (refusal.reason, refusal.is_guess) == (Refusal.WRONG_PASSWORD, True)
        assert refusal.must_end is False
        assert set(campus.asked) <= {"carol", "nobody", "", "*"}

    def test_names_are_not_guessed_past_a_limit(self, gate: Gate, campus: Campus) -> None:
        """A stolen value tells little about names: the directory is not asked beyond the limits."""
        gate = Gate(campus, client="3/15minutes")
        value = gate.app_passwords.make()
        for number in range(3):
            refused(partial(gate.use, value, f"name{number}"))
        with pytest.raises(Throttled):
            gate.use(value, "name4")
        assert campus.asked == ["name0", "name1", "name2"]

    def test_disabled_other_person_ends_nothing(self, gate: Gate, campus: Campus) -> None:
        """What is said about the person of the typed name does not end the owner's app password."""
        refusal = refused(lambda: gate.use(gate.app_passwords.make(), "dora"))
        assert campus.asked == ["dora"]
        assert (refusal.reason, refusal.must_end) == (Refusal.WRONG_PASSWORD, False)

    @pytest.mark.parametrize(
        "reason",
        [Refusal.DISABLED, Refusal.LOCKED, Refusal.EXPIRED, Refusal.UNKNOWN_PERSON, Refusal.NOT_NOW],
    )
    def test_inactive_owner(self, gate: Gate, campus: Campus, reason: Refusal) -> None:
        """The user must be active; only a disabled account ends the app password at once."""
        gone = InvalidCredentials(reason, "why")
        gone.servers = ("ldap://a", "ldap://b")
        campus.outcome = gone
        refusal = refused(lambda: gate.use(gate.app_passwords.make()))
        assert (refusal.reason, refusal.is_guess) == (reason, False)
        assert refusal.must_end == (reason is Refusal.DISABLED)
        assert refusal.servers == gone.servers

    def test_refusal_by_a_rule(self, gate: Gate) -> None:
        """A rule about people refuses it as any login, and ends nothing."""

        def forbid(_: Person) -> None:
            raise InvalidCredentials(Refusal.NOT_ALLOWED, "rule")

        refusal = refused(lambda: gate.use(gate.app_passwords.make(), check=forbid))
        assert (refusal.reason, refusal.must_end) == (Refusal.NOT_ALLOWED, False)

    def test_directory_away_is_not_a_refusal(self, gate: Gate, campus: Campus) -> None:
        """While the directory is away nothing is said, and nothing is counted."""
        value = gate.app_passwords.make()
        campus.outcome = DirectoryUnavailable("away")
        for _ in range(5):
            with pytest.raises(DirectoryUnavailable):
                gate.use(value)
        campus.outcome = ALICE
        assert gate.use(value)[0] is ALICE

    def test_without_an_account_that_can_search(self, campus: Campus) -> None:
        """Where only users can read their entries, every app password is refused, by the setting's name."""
        gate = Gate(campus, sees_accounts=False)
        refusal = refused(lambda: gate.use(gate.app_passwords.make()))
        assert refusal.detail == NEEDS_SEARCH
        assert "NETID_LDAP_BIND_DN" in refusal.detail
        assert (gate.app_passwords.asked, campus.sought, campus.asked) == (0, [], [])


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
        assert (refusal.reason, refusal.must_end) == (Refusal.EXPIRED, True)

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


def test_refusal_takes_as_long_as_that_of_a_wrong_password(campus: Campus) -> None:
    """A wrong app password is answered no sooner than a refused bind, and a right one sets no floor."""
    waits: list[float] = []
    wrong = InvalidCredentials(Refusal.WRONG_PASSWORD)
    wrong.server = "ldap://a"

    class Slow(FakeDirectory):
        """A directory whose bind takes a part of a second."""

        def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
            """Refuse, slowly."""
            clock.now += 0.0625
            raise wrong

    clock = Clock()
    gate = Gate(Slow(ALICE, FakeAccount()), clock=clock, sleep=waits.append)
    gate.use(gate.app_passwords.make())
    with pytest.raises(InvalidCredentials):
        gate.ask()
    waits.clear()
    refused(lambda: gate.use(new_app_password()))
    refused(lambda: gate.sign_in("alice", new_app_password()))
    assert waits == [0.0625, 0.0625]
