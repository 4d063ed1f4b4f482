"""Logins with app passwords: what a right one gives, and how each other one is refused."""

from collections.abc import Callable
from functools import partial

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Person, Refusal
from login import Throttled
from login.app_passwords import new_app_password
from login.app_passwords.recent_people import CACHE_SECONDS
from login.app_passwords.service import NEEDS_SEARCH
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
            (MadeAppPassword(expires_at=NOON), Refusal.APP_PASSWORD_ENDED),
            (MadeAppPassword(ended=True), Refusal.APP_PASSWORD_ENDED),
            (MadeAppPassword(last_used_at=NOON - 90 * DAY), Refusal.APP_PASSWORD_ENDED),
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
