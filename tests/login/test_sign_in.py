"""A login on the sign-in page: what its failures count by, and what they do not."""

from collections.abc import Callable

import pytest

from directory import InvalidCredentials, Person, Refusal
from login import Cause, Throttled
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.guards import Gate

WRONG = InvalidCredentials(Refusal.WRONG_PASSWORD)


def wrong(**limits: str) -> tuple[Gate, FakeDirectory]:
    """A login over a directory that refuses every password."""
    directory = FakeDirectory(WRONG, FakeAccount())
    return Gate(directory, **limits), directory  # type: ignore[arg-type] # all are texts


def fail(attempt: Callable[[], Person], times: int) -> None:
    """Fail some times."""
    for _ in range(times):
        with pytest.raises(InvalidCredentials):
            attempt()


def cause(attempt: Callable[[], Person]) -> Cause:
    """The limit that an attempt meets."""
    with pytest.raises(Throttled) as caught:
        attempt()
    return caught.value.cause


def test_failures_on_the_sign_in_page_close_it_for_no_other_user() -> None:
    """The limit of a client does not apply: anyone can send a public client's id with a guess."""
    gate, directory = wrong(client="3/15minutes", client_rate="3/hour")
    fail(gate.sign_in, 5)
    directory.outcome = ALICE
    assert gate.sign_in("bob") is ALICE


@pytest.mark.parametrize(
    ("limits", "met"),
    [
        ({"person": "3/15minutes"}, Cause.PERSON_AND_CLIENT),
        ({"address": "3/15minutes"}, Cause.ADDRESS),
        ({"server": "3/15minutes"}, Cause.SERVER),
    ],
)
def test_failures_on_the_sign_in_page_count_by_user_address_and_server(
    limits: dict[str, str], met: Cause
) -> None:
    """Beyond each of these limits the directory gets no request, not even with the right password."""
    gate, directory = wrong(**limits)
    fail(gate.sign_in, 3)
    directory.outcome = ALICE
    tried = len(directory.bound)
    assert cause(gate.sign_in) is met
    assert len(directory.bound) == tried


def test_sign_in_page_and_password_grant_share_the_count_of_a_user() -> None:
    """Guesses through a program leave fewer guesses on the page, and the other way round."""
    gate, _ = wrong(person="3/15minutes")
    fail(gate.ask, 2)
    fail(gate.sign_in, 1)
    assert cause(gate.sign_in) is cause(gate.ask) is Cause.PERSON


def test_refusal_by_a_rule_on_the_sign_in_page_counts_as_a_failure() -> None:
    """Else a guesser would learn from the missing count that the password was right."""

    def check(_: Person) -> None:
        raise InvalidCredentials(Refusal.NOT_ALLOWED)

    gate = Gate(person="3/15minutes")
    fail(lambda: gate.login.sign_in("alice", "right", address="192.0.2.1", check=check), 3)
    assert cause(gate.sign_in) is Cause.PERSON_AND_CLIENT
