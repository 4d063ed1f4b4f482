"""The campus's own book: what each program's owner was told and when, who logged in, and what failed.

Owns: what counts as announced. It knows the server's answers and mails alone, and none of its tables.
Must not know: why an owner reacts.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_string
from email.policy import default
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from bench.campus.server import DAY, Answer

NOTICE = 14 * DAY
"""A failure is announced if its notice came at least so many seconds before."""
NET_ID, APP = "Net ID password", "app password"
CLOSED, ENDED, BROWN_OUT, ONLY = "closed", "ended", "brown-out", "app passwords only"
NEW_USER, OTHER = "new user", "other"
_SENTENCES = {
    "This program may no longer use the password grant.": CLOSED,
    "This program may no longer log in with Net ID passwords.": ENDED,
    "Net ID passwords are refused for some hours, because this program must stop using them.": BROWN_OUT,
    "This program accepts app passwords only, and no Net ID passwords.": ONLY,
}
_PROGRAM = re.compile(r"^.+ \((campus-\d+)\)\n-+\n((?:.+\n)+)", re.MULTILINE)
_MOMENT = r"(\d{4}-\d\d-\d\d \d\d:\d\d)"
_END = re.compile(rf"are refused (?:from|since) {_MOMENT} UTC")
_OUTAGE = re.compile(rf"are refused from {_MOMENT} to {_MOMENT} UTC, as a test")


class Notice(NamedTuple):
    """Something that told the owner of a program what will be refused.

    Attributes:
        at: when it came.
        by: the sheet, or a header.
        ends: the ends that it names.
        outages: the beginning and the end of each brown-out that it names.
        closes: whether it says that the program is unused, and will be or was closed.
    """

    at: int
    by: str
    ends: tuple[int, ...] = ()
    outages: tuple[tuple[int, int], ...] = ()
    closes: bool = False


class Failure(NamedTuple):
    """A login that was refused, why, and since when its owner could know."""

    at: int
    client_id: str
    cause: str
    told_at: int | None

    @property
    def is_announced(self) -> bool:
        """Whether its owner was told early enough."""
        return self.told_at is not None and self.told_at <= self.at - NOTICE


@dataclass
class Book:
    """What the campus noted.

    - `notices`: by client. `logins`: by day, client and kind of password. `refreshes`: tokens refreshed.
    - `failures`: of programs. `mistyped`: logins that users got wrong, which are no failures of a program.
    - `binds_of_refusals`: binds that the directory saw for logins that a policy refused.
    - `binds_of_app_passwords`: binds that the directory saw for app passwords, right or wrong.
    - `without_link`: refusals of a policy that named no page.
    """

    notices: dict[str, list[Notice]] = field(default_factory=dict)
    logins: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    refreshes: int = 0
    mistyped: int = 0
    binds_of_refusals: int = 0
    binds_of_app_passwords: int = 0
    without_link: int = 0

    def note_sheet(self, mail: str, at: int) -> Sequence[str]:
        """Note what a monthly sheet says of each program.

        Args:
            mail: the whole mail.
            at: when it was sent.

        Returns:
            The clients that it names.
        """
        told = dict(_told(mail, at))
        for client_id, notice in told.items():
            self.notices.setdefault(client_id, []).append(notice)
        return [*told]

    def note_header(self, client_id: str, sunset: str, at: int) -> bool:
        """Note the header Sunset in a program's log, and say whether its date is new there."""
        ends = (int(parsedate_to_datetime(sunset).timestamp()),)
        known = self.notices.setdefault(client_id, [])
        if any(each.by == "header" and each.ends == ends for each in known):
            return False
        known.append(Notice(at, "header", ends))
        return True

    def note_login(self, client_id: str, kind: str, answer: Answer, at: int) -> None:
        """Note a login that gave a token."""
        self.logins[at // DAY, client_id, kind] += 1
        if kind == APP:
            self.binds_of_app_passwords += answer.binds

    def note_refusal(self, client_id: str, answer: Answer, at: int, *, is_new_user: bool = False) -> Failure:
        """Note a login that was refused although its password was right.

        Args:
            client_id: the program's.
            answer: what it was answered.
            at: when.
            is_new_user: whether the user never used the program before.
        """
        cause = _cause(answer, is_new_user=is_new_user)
        if cause in _SENTENCES.values():
            self.binds_of_refusals += answer.binds
            self.without_link += answer.error_uri is None
        told = [each.at for each in self.notices.get(client_id, ()) if _names(each, cause, at)]
        failure = Failure(at, client_id, cause, min(told, default=None))
        self.failures.append(failure)
        return failure

    @property
    def unannounced(self) -> Sequence[Failure]:
        """The failures of programs whose owner could not know."""
        return [each for each in self.failures if not each.is_announced]


def _cause(answer: Answer, *, is_new_user: bool) -> str:
    if answer.error == "unauthorized_client":
        return _SENTENCES.get(answer.description or "", OTHER)
    return NEW_USER if answer.error == "invalid_grant" and is_new_user else OTHER


def _names(notice: Notice, cause: str, at: int) -> bool:
    """Whether a notice told of what happened at a time: that outage, or an end that has come.

    An owner who knows the end knows from the page of the campus that no new users come before it.
    """
    if cause == BROWN_OUT:
        return any(start <= at < end for start, end in notice.outages)
    if cause == NEW_USER:
        return bool(notice.ends)
    has_ended = any(end <= at for end in notice.ends)
    return (has_ended and cause in {ENDED, CLOSED}) or (notice.closes and cause == CLOSED)


def _told(mail: str, at: int) -> Iterator[tuple[str, Notice]]:
    """What a sheet tells of each program that it names."""
    text = message_from_string(mail, policy=default).get_content()
    everywhere = tuple(
        _time(found[1]) for found in re.finditer(rf"(?:From|Since) {_MOMENT} UTC", " ".join(text.split()))
    )
    for found in _PROGRAM.finditer(text):
        said = " ".join(found[2].split())
        ends = tuple(_time(moment) for moment in _END.findall(said))
        outages = tuple((_time(start), _time(end)) for start, end in _OUTAGE.findall(said))
        closes = (
            "If it is needed: tell the operators" in said or "the password grant has been off since" in said
        )
        yield found[1], Notice(at, "sheet", ends + everywhere, outages, closes)


def _time(moment: str) -> int:
    return int(datetime.strptime(moment, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp())
