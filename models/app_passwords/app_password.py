"""An app password as plain values, without the digest of its text."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import false

from models.base import table
from models.password_grant_tables import AppPasswordRow

UNUSED_SECONDS = 90 * 86_400
"""Seconds without a use after which an app password ends."""
NOTICE_SECONDS = 14 * 86_400
"""Seconds before that end at which its owner is told."""


class AppPassword(NamedTuple):
    """A stored app password. Times are seconds since the epoch. The columns are those of `AppPasswordRow`.

    `missed` is no column: it is true if the directory did not find the user at an earlier look-up. Only the
    look-up by the digest reads it.
    """

    id: bytes
    client_id: str
    directory: str
    subject: str
    net_id: str | None
    label: str
    scope: str
    networks: Sequence[str]
    created_at: int
    expires_at: int
    created_by: str | None = None
    password_changed_at: int | None = None
    last_used_at: int | None = None
    noticed_at: int | None = None
    ended_at: int | None = None
    end_reason: str | None = None
    missed: bool = False

    @property
    def used_or_made_at(self) -> int:
        """When it was last used; when it was made, if it never was."""
        return self.created_at if self.last_used_at is None else self.last_used_at

    def falls_into_disuse_at(self, *, unused_for: int = UNUSED_SECONDS) -> int:
        """When it ends unless it is used before."""
        return self.used_or_made_at + unused_for

    def is_live(self, now: int, *, unused_for: int = UNUSED_SECONDS) -> bool:
        """Whether it gives tokens at `now`.

        Args:
            now: seconds since the epoch.
            unused_for: seconds without a use after which it ends.
        """
        end = min(self.expires_at, self.falls_into_disuse_at(unused_for=unused_for))
        return self.ended_at is None and now < end


STORED = tuple(table(AppPasswordRow).c[name] for name in AppPassword._fields if name != "missed")
"""The columns of an `AppPassword`, in its order, without `missed`."""
COLUMNS = (*STORED, false().label("missed"))
"""The same with `missed`, for statements that do not look for it."""
