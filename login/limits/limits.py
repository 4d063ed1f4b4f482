"""How many failures are allowed, and in how long.

Owns: reading limits as an operator writes them. Must not know: how failures are counted.
"""

from dataclasses import dataclass

from limits import parse_many

# A success empties counts over at most so many seconds. A slower one would never fill, where a script logs in
# every minute, while somebody guesses beside it.
SHORT = 3600


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failures in so many seconds, at whichever moment these begin."""

    amount: int
    seconds: int

    @property
    def is_short(self) -> bool:
        """Whether a success empties its count."""
        return self.seconds <= SHORT


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on each count; none where a count is not limited.

    `person` bounds the guesses at one person, and by itself the failures of one person with one client.
    """

    person: tuple[Limit, ...] = ()
    client: tuple[Limit, ...] = ()
    address: tuple[Limit, ...] = ()
    server: tuple[Limit, ...] = ()

    @property
    def longest(self) -> int:
        """Seconds over which the failures of a person must be known."""
        return max((limit.seconds for limit in self.person), default=0)


def parse(text: str | None) -> tuple[Limit, ...]:
    """Read limits, such as `10/15minutes;100/day`.

    Args:
        text: the limits; empty or None for none.

    Raises:
        ValueError: they cannot be read.
    """
    if not text:
        return ()
    return tuple(Limit(each.amount, each.get_expiry()) for each in parse_many(text))
