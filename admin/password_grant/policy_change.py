"""One step of a client's policy, computed without a database: its rules, and its words for the audit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from admin.operation import OperationRefused
from core.moments import moment_text, read_duration, read_moment
from models import APP_PASSWORD_CHOICES, PasswordGrantPolicy

NOTICE_SECONDS = 14 * 86_400
"""How long before a date programs and owners should know it."""
_MAX_BROWN_OUT_SECONDS = 7 * 86_400
_MAX_BROWN_OUTS = 50

BrownOut = tuple[int, int]
"""A start and an end, in seconds since the epoch."""


class InvalidPolicy(OperationRefused):
    """The step makes no sense: one sentence for each reason."""


class ClashingStep(InvalidPolicy):
    """The step makes sense, but not with what was set before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """What one step changes. None leaves a member as it is.

    - `ends`: when Net ID passwords end, as `read_moment` takes it. An empty text removes the end.
    - `brown_outs`: further brown-outs, each START/DURATION. An empty text among them removes earlier ones.
    - `closed_to_new_people`: whether people who have not used the client yet are refused from now on.
    - `app_passwords`: one of `APP_PASSWORD_CHOICES`.
    - `off`: whether the password grant is refused from now on, app passwords included.
    """

    ends: str | None = None
    brown_outs: Sequence[str] = ()
    closed_to_new_people: bool | None = None
    app_passwords: str | None = None
    off: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the step says nothing."""
        return self == PolicyChange()


def changed_policy(
    policy: PasswordGrantPolicy,
    change: PolicyChange,
    now: int,
    *,
    server_ends_at: int | None = None,
    leaves_out_moot: bool = False,
) -> PasswordGrantPolicy:
    """The policy after one step.

    Brown-outs that are over are left out of the result, unless nothing else changes.

    Args:
        policy: as it is.
        change: the step.
        now: seconds since the epoch.
        server_ends_at: when Net ID passwords end for every client, in seconds since the epoch.
        leaves_out_moot: whether a new brown-out after the client's end is left out, not refused.

    Raises:
        InvalidPolicy: a text cannot be read, a date is in the past, or a brown-out lasts too long.
        ClashingStep: brown-outs overlap, are too many, or reach beyond the end.
    """
    if change.is_empty:
        raise InvalidPolicy("Say what to set: a date, a brown-out, new people, app passwords, or off.")
    if change.app_passwords is not None and change.app_passwords not in APP_PASSWORD_CHOICES:
        raise InvalidPolicy(f"App passwords must be one of {', '.join(APP_PASSWORD_CHOICES)}.")
    current = policy._replace(brown_outs=tuple(each for each in policy.brown_outs if each[1] > now))
    ends_at = current.ends_at if change.ends is None else _read_end(change.ends, now)
    last = min((at for at in (ends_at, server_ends_at) if at is not None), default=None)
    after = current._replace(
        ends_at=ends_at,
        brown_outs=_brown_outs(current, change, now, last, leaves_out_moot=leaves_out_moot),
        closed_to_new_people_at=_switched(change.closed_to_new_people, current.closed_to_new_people_at, now),
        app_passwords=change.app_passwords or current.app_passwords,
        off_at=_switched(change.off, current.off_at, now),
    )
    after = after._replace(announced_at=_announced_at(current, after, now))
    return policy if after == current else after


def summary(before: PasswordGrantPolicy, after: PasswordGrantPolicy, now: int = 0) -> str:
    """What a step changed, in few words for the audit.

    Args:
        before: the earlier policy.
        after: the later one.
        now: seconds since the epoch. A brown-out that is over by then is not named.
    """
    return ", ".join(changes(before, after, now)) or "nothing"


def changes(before: PasswordGrantPolicy, after: PasswordGrantPolicy, now: int = 0) -> Iterator[str]:
    """What differs between two policies, in few words each.

    Args:
        before: the earlier policy.
        after: the later one.
        now: seconds since the epoch. A brown-out that is over by then is not named.
    """
    if after.off_at != before.off_at:
        yield "on" if after.off_at is None else "off"
    if after.ends_at != before.ends_at:
        yield "no end" if after.ends_at is None else f"ends {moment_text(after.ends_at)}"
    yield from _brown_out_changes(before, after, now)
    if after.closed_to_new_people_at != before.closed_to_new_people_at:
        yield "open to new people" if after.closed_to_new_people_at is None else "closed to new people"
    if after.app_passwords != before.app_passwords:
        yield f"app passwords {after.app_passwords}"


def _brown_out_changes(before: PasswordGrantPolicy, after: PasswordGrantPolicy, now: int) -> Iterator[str]:
    old, new = ([each for each in policy.brown_outs if each[1] > now] for policy in (before, after))
    yield from (f"brown-out {_span(each)}" for each in new if each not in old)
    if old and not new:
        yield "no brown-outs"
    else:
        yield from (f"no brown-out {_span(each)}" for each in old if each not in new)


def _span(brown_out: tuple[int, int]) -> str:
    start, end = brown_out
    return f"{moment_text(start)}/{duration(end - start)}"


def short_notices(before: PasswordGrantPolicy, after: PasswordGrantPolicy, now: int) -> Sequence[str]:
    """A sentence for each new date that is nearer than the notice that owners should get.

    Args:
        before: the policy before the step.
        after: the policy after it.
        now: seconds since the epoch.
    """
    new = {start: "brown-out" for start, _ in after.brown_outs if (start, _) not in before.brown_outs}
    if after.ends_at is not None and after.ends_at != before.ends_at:
        new[after.ends_at] = "end"
    return [
        f"The {what} of {moment_text(at)} is less than 14 days away: tell the owner now."
        for at, what in sorted(new.items())
        if at - now < NOTICE_SECONDS
    ]


def duration(seconds: int) -> str:
    """A duration as `read_duration` takes it."""
    minutes = seconds // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "m"))
    return "".join(f"{amount}{unit}" for amount, unit in parts if amount)


def _read_end(text: str, now: int) -> int | None:
    if not text:
        return None
    ends_at = _moment(text, "The end")
    if ends_at <= now:
        raise InvalidPolicy(f"The end {moment_text(ends_at)} is in the past.")
    return ends_at


def _brown_outs(
    current: PasswordGrantPolicy,
    change: PolicyChange,
    now: int,
    last: int | None,
    *,
    leaves_out_moot: bool,
) -> tuple[BrownOut, ...]:
    """The brown-outs after the step, in their order; `last` is when the password grant ends."""
    kept = () if "" in change.brown_outs else current.brown_outs
    new = [_read_brown_out(text, now) for text in change.brown_outs if text]
    moot = [] if last is None else [each for each in new if each[1] > last]
    if moot and not leaves_out_moot:
        raise ClashingStep(
            f"The brown-out of {moment_text(moot[0][0])} ends after the password grant, "
            f"which ends {moment_text(last or 0)}."
        )
    # A step that is repeated changes nothing.
    both = sorted({*kept, *new}.difference(moot))
    for (start, end), (next_start, _) in pairwise(both):
        if next_start < end:
            raise ClashingStep(
                f"The brown-outs of {moment_text(start)} and {moment_text(next_start)} overlap."
            )
    if len(both) > _MAX_BROWN_OUTS:
        raise ClashingStep(f"A client has at most {_MAX_BROWN_OUTS} brown-outs to come.")
    return tuple(both)


def _read_brown_out(text: str, now: int) -> BrownOut:
    begins, slash, lasts = text.partition("/")
    if not slash:
        raise InvalidPolicy("A brown-out must be a start and a duration, such as 2027-02-01T09:00/2h.")
    start = _moment(begins, "The start of a brown-out")
    try:
        seconds = read_duration(lasts)
    except ValueError as fault:
        raise InvalidPolicy(f"The duration of a brown-out {fault}.") from None
    if start < now:
        raise InvalidPolicy(f"The brown-out of {moment_text(start)} begins in the past.")
    if seconds > _MAX_BROWN_OUT_SECONDS:
        raise InvalidPolicy("A brown-out lasts at most 7 days: a longer one is an end.")
    return start, start + seconds


def _moment(text: str, what: str) -> int:
    try:
        return read_moment(text)
    except ValueError as fault:
        raise InvalidPolicy(f"{what} {fault}.") from None


def _switched(wanted: bool | None, since: int | None, now: int) -> int | None:  # noqa: FBT001 - a tri-state value
    """Since when something is on: a switch that is on already keeps its time."""
    if wanted is None:
        return since
    return (since if since is not None else now) if wanted else None


def _announced_at(before: PasswordGrantPolicy, after: PasswordGrantPolicy, now: int) -> int | None:
    """When a date was first announced. It goes with the last date that the step removes."""
    if after.ends_at is not None or after.brown_outs or after.off_at is not None:
        return before.announced_at if before.announced_at is not None else now
    was_dated = before.ends_at is not None or before.brown_outs or before.off_at is not None
    return None if was_dated else before.announced_at
