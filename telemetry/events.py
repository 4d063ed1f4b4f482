"""An audit event: one thing that happened, as the row and the log line both tell it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

REASON_LENGTH = 64
"""Characters that the audit's column of reasons holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One event. `at` is seconds since the epoch; `event` a dotted name such as `token.issued`.

    Nobody puts a password, a secret or a token into any field; `subject` is the stable id of a person,
    `name_digest` a keyed digest of a login name that no entry matched: people type passwords there.
    `times` is how many like it the event stands for, None for itself alone. `hint` is what the request showed
    to be wrong with the program that made it.
    """

    event: str
    at: int
    request_id: str | None = None
    client_id: str | None = None
    subject: str | None = None
    grant_id: str | None = None
    address: str | None = None
    scope: str | None = None
    reason: str | None = None
    duration_ms: int | None = None
    name_digest: str | None = None
    times: int | None = None
    hint: str | None = None

    def fields(self) -> Mapping[str, str | int | None]:
        """Every field by name, as both the table and the log take them."""
        return {name: getattr(self, name) for name in self.__slots__}

    def with_count(self, count: str) -> Self:
        """This event with a count behind its reason. If both do not fit the column, the reason is cut.

        Args:
            count: what was changed, and how much of it.
        """
        room = REASON_LENGTH - len(": ") - len(count)
        return replace(self, reason=f"{(self.reason or '')[:room]}: {count}")

    def facts(self) -> dict[str, str | int]:
        """The fields that say something, without the name: what a log line adds to it."""
        return {name: value for name in _FACTS if (value := getattr(self, name)) is not None}


_FACTS = tuple(name for name in AuditEvent.__slots__ if name != "event")
