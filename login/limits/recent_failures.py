"""Names that had failures in this process, and whose they are.

Owns: which logins are looked at before the directory is asked. All others are looked at once the directory
has shown whose name it is, in one question for both.
"""

import threading
from collections import OrderedDict

# The oldest goes first; then its next login past a limit costs the directory one search, and no bind.
_MOST = 10_000


class RecentFailures:
    """The newest names that failed, or were over a limit."""

    def __init__(self) -> None:
        """Suspect nobody."""
        self._subjects: OrderedDict[bytes, str | None] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, name: bytes) -> bool:
        return name in self._subjects

    def subject_of(self, name: bytes) -> str | None:
        """The stable id that a name has meant, if that is known.

        Args:
            name: digest of the login name.
        """
        return self._subjects.get(name)

    def add(self, name: bytes, subject: str | None) -> None:
        """Suspect a name.

        Args:
            name: digest of the login name.
            subject: whose it is; None where nobody knows.
        """
        with self._lock:
            self._subjects[name] = subject
            self._subjects.move_to_end(name)
            if len(self._subjects) > _MOST:
                self._subjects.popitem(last=False)
