"""Caches the users of app passwords for some minutes, as the directory showed them.

Owns: the lifetime of an entry, counted from the read. A refusal is not cached. Must not
know: what a login does with the person.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from directory import Person

CACHE_SECONDS: Final = 300
"""Seconds for which a person is cached: a disabled user's app passwords give no token after that."""
MAX_PEOPLE: Final = 10_000
"""Most people in the cache of one process. Beyond that, the one who was read longest ago is dropped."""
# Programs spell a login name in few ways.
_MAX_NAMES = 8


class PersonKey(NamedTuple):
    """A person of a directory, read with their groups or without."""

    directory: str
    subject: str
    groups: bool


@dataclass(slots=True)
class RecentPerson:
    """A person, and login names that proved to be theirs, as typed."""

    person: Person
    read_at: float
    names: set[str] = field(default_factory=set)

    def add_name(self, net_id: str) -> None:
        """Keep a login name that leads to the person.

        Args:
            net_id: the login name as typed.
        """
        if len(self.names) < _MAX_NAMES:
            self.names.add(net_id)


class RecentPeople:
    """The cache of one process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin with an empty cache; `clock` gives seconds since the epoch."""
        self._clock = clock
        self._people: OrderedDict[PersonKey, RecentPerson] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: PersonKey, read: Callable[[], Person], *, fresh: bool = False) -> RecentPerson:
        """Return a person as they were read within the last minutes, or read them now.

        Args:
            key: the person.
            read: asks the directory. What it raises is not cached.
            fresh: whether to ask in any case.
        """
        cached = self._people.get(key)
        now = self._clock()
        # After the clock was set back, nothing says how old the entry is.
        if not fresh and cached is not None and 0 <= now - cached.read_at < CACHE_SECONDS:
            return cached
        found = RecentPerson(read(), now)
        with self._lock:
            self._people[key] = found
            self._people.move_to_end(key)
            if len(self._people) > MAX_PEOPLE:
                self._people.popitem(last=False)
        return found
