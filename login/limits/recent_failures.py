"""The login names that failed lately in this process, and the person that each led to.

Owns: which logins have their failures read before the directory is asked. For all others one query is enough,
after the directory has found the person.
"""

import threading
from collections import OrderedDict

# Beyond this many the oldest name is dropped. Its next login past a limit costs one search, and no bind.
_MAX_NAMES = 10_000


class RecentFailures:
    """The newest names that failed or were over a limit."""

    def __init__(self) -> None:
        """Begin with no names."""
        self._subjects: OrderedDict[bytes, str | None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, name: bytes) -> bool:
        return name in self._subjects

    def subject_of(self, name: bytes) -> str | None:
        """The stable id of the person that a name last led to, if that is known.

        Args:
            name: digest of the login name.
        """
        return self._subjects.get(name)

    def add(self, name: bytes, subject: str | None) -> None:
        """Remember a name.

        Args:
            name: digest of the login name.
            subject: stable id of the person; None where it is not known.
        """
        with self._lock:
            self._subjects[name] = subject
            self._subjects.move_to_end(name)
            if len(self._subjects) > _MAX_NAMES:
                self._subjects.popitem(last=False)
