"""The limits on failures, and the outcome of an attempt that is over a limit.

Owns: reading limits as an operator writes them, and `Throttled`. Must not know: how failures are counted.
"""

from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module

# A success clears counts over at most this many seconds. A longer window must not be cleared: where a script
# logs in every minute, it would never fill while an attacker guesses beside it.
SHORT = 3600
# Seconds. `Retry-After` is rounded up to a multiple of these, so that it reveals nothing of the counters.
_RETRY_STEP = 60


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` failures within any `seconds`."""

    amount: int
    seconds: int

    @property
    def is_short(self) -> bool:
        """Whether a success clears its count."""
        return self.seconds <= SHORT


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on each count; an empty tuple where a count is not limited.

    `person` bounds the guesses at one person, and separately the failures of one person with one client.
    """

    person: tuple[Limit, ...] = ()
    client: tuple[Limit, ...] = ()
    address: tuple[Limit, ...] = ()
    server: tuple[Limit, ...] = ()

    @property
    def longest(self) -> int:
        """Seconds over which the failures of a person must be known."""
        return max((limit.seconds for limit in self.person), default=0)


class Cause(StrEnum):
    """Which limit was reached. For the log; clients get one answer for all."""

    PERSON_AND_CLIENT = "person_and_client"
    PERSON = "person"
    CLIENT = "client"
    ADDRESS = "address"
    SERVER = "server"
    SHIELD = "shield"
    CLIENT_RATE = "client_rate"
    CLIENT_AND_ADDRESS = "client_and_address"


class Throttled(Exception):
    """Too many requests (RFC 6585, section 4): the attempt was not tried.

    `retry_after` is in seconds, rounded up; `cause` is for the log.
    """

    def __init__(self, cause: Cause, left: float) -> None:
        """Take the limit and the time until it ends.

        Args:
            cause: the limit that was reached.
            left: seconds until another attempt could pass.
        """
        super().__init__(cause.value)
        self.cause = cause
        self.retry_after = max(1, -int(-left // _RETRY_STEP)) * _RETRY_STEP


class ClientThrottled(Throttled):
    """A client's credentials are not accepted now, right or wrong; `client_id` only if it is registered."""

    client_id: str | None = None


def parse_limits(text: str | None) -> tuple[Limit, ...]:
    """Read limits, such as `10/15minutes;100/day`.

    Args:
        text: the limits; empty or None for none.

    Raises:
        ValueError: the text is no list of limits.
    """
    if not text:
        return ()
    # Imported here, so that commands that need no limits start without the library.
    return tuple(Limit(each.amount, each.get_expiry()) for each in import_module("limits").parse_many(text))
