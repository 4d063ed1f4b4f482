"""Mails to the owners of app passwords that are about to end.

An app password ends on its last day, and after 90 days without use. Its owner is told once, 14 days before.
The mail address is read from the directory now, and stored nowhere.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from admin.operation import OperationRefused, Services
from core.moments import date_text
from directory import DirectoryUnavailable, InvalidCredentials
from models import AppPassword, AppPasswordStore

_UNUSED = """\
Hello,

your app password "{label}" for the program "{program}" has not been used since {since}.
It ends on {ends}, because it is not used.

If you still need it, let the program log in with it once before then.
If you do not need it any more, you can end it now, or do nothing:
{page}
"""
_LAST_DAY = """\
Hello,

your app password "{label}" for the program "{program}" ends on {ends}.
That is the last day that it was made for.

If you still need it, make another one before then, and put it into the program:
{page}
If you do not need it any more, do nothing.
"""


class NoticesCannotBeMade(OperationRefused):
    """The directory did not answer, so nobody's mail address is known; nothing was marked."""

    def __init__(self) -> None:
        super().__init__("The directory does not answer: nobody's mail address is known. Try again later.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A mail to the owner of an app password. `to` is None if the directory has no address of theirs.

    `ends_at` is when the app password ends, at the latest if nobody uses it, in seconds since the epoch.
    """

    stored: AppPassword
    to: str | None
    subject: str
    text: str
    ends_at: int


def due_notices(services: Services) -> Iterator[Notice]:
    """Make the notices that are due.

    Args:
        services: what the use case works on.

    Raises:
        NoticesCannotBeMade: the directory did not answer.
        StoreUnavailable: the database did not answer.
    """
    names = {each.client_id: each.client_name for each in services.clients.list()}
    for stored in AppPasswordStore(services.clock).notices_due(services.now):
        yield _notice(services, stored, names.get(stored.client_id, stored.client_id))


def mark_notice(services: Services, notice: Notice) -> None:
    """Note that a notice was handed over, so that no later call makes it again.

    Args:
        services: what the use case works on.
        notice: from `due_notices`.

    Raises:
        StoreUnavailable: it was not noted.
    """
    AppPasswordStore(services.clock).noticed(notice.stored.id, services.now)


def _notice(services: Services, stored: AppPassword, program: str) -> Notice:
    disuse_at = stored.falls_into_disuse_at()
    is_unused = disuse_at < stored.expires_at
    ends_at = disuse_at if is_unused else stored.expires_at
    what = "is not used, and ends" if is_unused else "ends"
    return Notice(
        stored=stored,
        to=_address(services, stored.subject),
        subject=f"Your app password for {program} {what} on {date_text(ends_at)}",
        text=(_UNUSED if is_unused else _LAST_DAY).format(
            label=stored.label,
            program=program,
            since=date_text(stored.used_or_made_at),
            ends=date_text(ends_at),
            page=f"{services.settings.issuer}/me",
        ),
        ends_at=ends_at,
    )


def _address(services: Services, subject: str) -> str | None:
    try:
        mail = services.directory.read(subject).mail
    except InvalidCredentials:
        return None
    except DirectoryUnavailable:
        raise NoticesCannotBeMade from None
    # A line break in it would begin another header of the mail.
    return mail if mail and mail.isprintable() else None
