"""One step of a client's password grant policy, computed without a database."""

from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from admin.password_grant.policy_change import (
    InvalidPolicy,
    PolicyChange,
    changed_policy,
    short_notices,
    summary,
)
from models import PasswordGrantPolicy
from tests.generated import examples

HOUR, DAY = 3600, 86_400
NOW = int(datetime(2027, 1, 15, 8, tzinfo=UTC).timestamp())
FEBRUARY = int(datetime(2027, 2, 1, 9, tzinfo=UTC).timestamp())
JUNE = int(datetime(2027, 6, 30, tzinfo=UTC).timestamp())
OPEN = PasswordGrantPolicy()
PLANNED = PasswordGrantPolicy(
    announced_at=NOW - DAY, ends_at=JUNE, brown_outs=((FEBRUARY, FEBRUARY + 2 * HOUR),)
)


def test_brown_out_that_was_taken_back_is_named_if_another_stays() -> None:
    """An operator who undoes one of two brown-outs reads which one; one that is over is not news."""
    first, second = (FEBRUARY, FEBRUARY + 2 * HOUR), (JUNE, JUNE + 4 * HOUR)
    both = PasswordGrantPolicy(announced_at=NOW, brown_outs=(first, second))
    later = both._replace(brown_outs=(second,))
    assert summary(both, later, NOW) == "no brown-out 2027-02-01 09:00Z/2h"
    assert summary(both, later._replace(off_at=JUNE - 1), first[1]) == "off"
    assert summary(later, both, first[1]) == "nothing"
    assert summary(both, later._replace(brown_outs=()), NOW) == "no brown-outs"


@pytest.mark.parametrize(
    ("change", "after", "words"),
    [
        (
            PolicyChange(ends="2027-06-30"),
            PasswordGrantPolicy(announced_at=NOW, ends_at=JUNE),
            "ends 2027-06-30 00:00Z",
        ),
        (
            PolicyChange(brown_outs=("2027-02-01T09:00/2h",)),
            PasswordGrantPolicy(announced_at=NOW, brown_outs=((FEBRUARY, FEBRUARY + 2 * HOUR),)),
            "brown-out 2027-02-01 09:00Z/2h",
        ),
        (
            PolicyChange(closed_to_new_people=True, app_passwords="only"),
            PasswordGrantPolicy(closed_to_new_people_at=NOW, app_passwords="only"),
            "closed to new people, app passwords only",
        ),
        (PolicyChange(off=True), PasswordGrantPolicy(announced_at=NOW, off_at=NOW), "off"),
    ],
    ids=["end", "brown-out", "people-and-app-passwords", "off"],
)
def test_step_changes_what_it_names_and_announces_a_date(
    change: PolicyChange, after: PasswordGrantPolicy, words: str
) -> None:
    """A step sets its members alone; the first date of a client is announced from now on."""
    assert changed_policy(OPEN, change, NOW) == after
    assert summary(OPEN, after) == words


def test_second_date_keeps_the_first_announcement() -> None:
    """An end that moves was announced when the first date was."""
    after = changed_policy(PLANNED, PolicyChange(ends="2027-07-01"), NOW)
    assert after == PLANNED._replace(ends_at=JUNE + DAY)


def test_brown_out_is_added_to_those_to_come_in_their_order() -> None:
    """A further brown-out stands beside the earlier ones; those that touch do not overlap."""
    after = changed_policy(
        PLANNED, PolicyChange(brown_outs=("2027-02-01T11:00/30m", "2027-01-20T00:00/1d")), NOW
    )
    spans = [(start - NOW, end - start) for start, end in after.brown_outs]
    assert spans == [
        (4 * DAY + 16 * HOUR, DAY),
        (FEBRUARY - NOW, 2 * HOUR),
        (FEBRUARY - NOW + 2 * HOUR, HOUR // 2),
    ]


def test_brown_out_that_is_over_is_dropped_by_the_next_step() -> None:
    """The policy stays short: only brown-outs to come, or under way, stay in it."""
    past, under_way = (NOW - 2 * DAY, NOW - DAY), (NOW - 60, NOW + 60)
    policy = PLANNED._replace(brown_outs=(past, under_way))
    after = changed_policy(policy, PolicyChange(app_passwords="only"), NOW)
    assert after.brown_outs == (under_way,)


@pytest.mark.parametrize(
    "change",
    [
        PolicyChange(ends="2027-06-30"),
        PolicyChange(brown_outs=("2027-02-01T09:00/120m",)),
        PolicyChange(app_passwords="allowed", off=False, closed_to_new_people=False),
    ],
)
def test_repeated_step_changes_nothing(change: PolicyChange) -> None:
    """A step that says what is so already gives the same policy, past brown-outs included."""
    policy = PLANNED._replace(brown_outs=((NOW - 2 * DAY, NOW - DAY), *PLANNED.brown_outs))
    assert changed_policy(policy, change, NOW) is policy


def test_step_that_is_on_already_keeps_its_time() -> None:
    """A client that is closed again is closed since the first time."""
    policy = PasswordGrantPolicy(closed_to_new_people_at=NOW - DAY, off_at=NOW - DAY, announced_at=NOW - DAY)
    assert changed_policy(policy, PolicyChange(closed_to_new_people=True, off=True), NOW) is policy


def test_empty_texts_remove_the_end_and_the_brown_outs_with_the_announcement() -> None:
    """Without any date there is nothing to announce."""
    assert changed_policy(PLANNED, PolicyChange(ends=""), NOW).announced_at == PLANNED.announced_at
    assert changed_policy(PLANNED, PolicyChange(ends="", brown_outs=("",)), NOW) == OPEN
    moved = changed_policy(PLANNED, PolicyChange(brown_outs=("", "2027-03-01T09:00/1h")), NOW)
    assert len(moved.brown_outs) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (PolicyChange(), "Say what to set: a date, a brown-out, new people, app passwords, or off."),
        (PolicyChange(ends="2027-01-15T08:00"), "The end 2027-01-15 08:00Z is in the past."),
        (PolicyChange(ends="soon"), "The end must be a date or a time in UTC"),
        (PolicyChange(ends="2027-02-30"), "The end must be a day and a time that exist."),
        (PolicyChange(app_passwords="some"), "App passwords must be one of off, allowed, only."),
        (PolicyChange(brown_outs=("2027-02-01T09:00",)), "A brown-out must be a start and a duration"),
        (PolicyChange(brown_outs=("x/2h",)), "The start of a brown-out must be a date"),
        (PolicyChange(brown_outs=("2027-03-01/2x",)), "The duration of a brown-out must be a duration"),
        (
            PolicyChange(brown_outs=("2027-01-15T07:59/2h",)),
            "The brown-out of 2027-01-15 07:59Z begins in the past.",
        ),
        (PolicyChange(brown_outs=("2027-03-01/8d",)), "A brown-out lasts at most 7 days"),
        (
            PolicyChange(brown_outs=("2027-02-01T10:59/1h",)),
            "The brown-outs of 2027-02-01 09:00Z and 2027-02-01 10:59Z overlap.",
        ),
        (
            PolicyChange(brown_outs=("2027-03-01/1d", "2027-03-01T05:00/1h")),
            "The brown-outs of 2027-03-01 00:00Z and 2027-03-01 05:00Z overlap.",
        ),
        (
            PolicyChange(brown_outs=("2027-06-29T23:00/2h",)),
            "The brown-out of 2027-06-29 23:00Z ends after the password grant, which ends 2027-06-30 00:00Z.",
        ),
        (
            PolicyChange(ends="2027-02-20", brown_outs=("2027-03-01/1h",)),
            "The brown-out of 2027-03-01 00:00Z ends after the password grant, which ends 2027-02-20 00:00Z.",
        ),
        (
            PolicyChange(
                brown_outs=tuple(
                    f"2027-04-{day:02}T{hour:02}:00/1h" for day in range(1, 26) for hour in (1, 3)
                )
            ),
            "A client has at most 50 brown-outs to come.",
        ),
    ],
)
def test_step_that_makes_no_sense_is_refused_by_one_sentence(change: PolicyChange, sentence: str) -> None:
    """Bad input is one sentence."""
    with pytest.raises(InvalidPolicy) as refused:
        changed_policy(PLANNED, change, NOW)
    (said,) = refused.value.sentences
    assert said.startswith(sentence)
    assert said.endswith(".")


def test_brown_out_may_not_reach_beyond_the_end_of_the_whole_server() -> None:
    """The server's own end counts as the client's does."""
    change = PolicyChange(brown_outs=("2027-03-01T09:00/2h",))
    with pytest.raises(InvalidPolicy, match="ends after the password grant"):
        changed_policy(OPEN, change, NOW, server_ends_at=FEBRUARY)


def test_date_within_two_weeks_is_pointed_out() -> None:
    """Owners should know a date 14 days before; only new dates are pointed out."""
    after = changed_policy(
        PLANNED, PolicyChange(ends="2027-01-29T07:59", brown_outs=("", "2027-01-20/1h")), NOW
    )
    assert short_notices(PLANNED, after, NOW) == [
        "The brown-out of 2027-01-20 00:00Z is less than 14 days away: tell the owner now.",
        "The end of 2027-01-29 07:59Z is less than 14 days away: tell the owner now.",
    ]
    assert short_notices(after, after, NOW) == []
    assert short_notices(OPEN, changed_policy(OPEN, PolicyChange(ends="2027-01-29T08:00"), NOW), NOW) == []


DATES = st.datetimes(datetime(2026, 1, 1), datetime(2029, 1, 1)).map(lambda at: at.strftime("%Y-%m-%dT%H:%M"))  # noqa: DTZ001 - texts without an offset
WRITTEN = st.one_of(st.text(max_size=30), DATES, st.builds("{}/{}h".format, DATES, st.integers(0, 200)))


@given(steps=st.lists(st.tuples(st.none() | WRITTEN, st.lists(WRITTEN, max_size=3)), max_size=6))
@settings(max_examples=examples(200))
def test_any_steps_keep_a_policy_in_order(steps: list[tuple[str | None, list[str]]]) -> None:
    """Whatever is written, a step is refused by a sentence, or its policy is one that a client can have."""
    policy = OPEN
    for ends, brown_outs in steps:
        with suppress(InvalidPolicy):
            policy = changed_policy(policy, PolicyChange(ends=ends, brown_outs=tuple(brown_outs)), NOW)
        assert policy.ends_at is None or policy.ends_at > NOW
        spans = policy.brown_outs
        assert all(NOW <= start < end <= start + 7 * DAY for start, end in spans)
        assert all(one[1] <= other[0] for one, other in pairwise(spans))
        assert (policy.announced_at is None) is (policy.ends_at is None and not spans)
        assert PasswordGrantPolicy.from_json(policy.json()) == policy
