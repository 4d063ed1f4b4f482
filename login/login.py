"""One login: what can be refused before the directory is, then the directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Person, Refusal

# A login that finds every place taken waits this long (seconds) for one: a burst passes, a hung directory
# does not take the threads that resources and introspection need.
_PATIENCE = 0.25


class Login:
    """Logins against one directory, at most `places` of them at once in this process."""

    def __init__(self, directory: Directory, *, places: int) -> None:
        self._directory = directory
        self._places = BoundedSemaphore(places)

    def authenticate(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Ask the directory whether this is the person (RFC 6749, 4.3.2).

        Args:
            net_id: the login name as typed.
            password: as typed. An empty one is refused here, whatever the directory would say of it
                (RFC 4513, 5.1.2: an unauthenticated bind succeeds on many).
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: refused, with its reason.
            DirectoryUnavailable: nothing can be said; or too many logins are waiting already.
        """
        if not password or "\0" in password or "\0" in net_id:
            raise InvalidCredentials(Refusal.UNACCEPTABLE, "empty password or NUL byte")
        with self._place():
            return self._directory.authenticate(net_id, password, groups=groups)

    def ping(self) -> None:
        """Ask cheaply whether the directory answers.

        It takes a place as a login does: probes of a hung directory must not take the threads that logins
        may not.

        Raises:
            DirectoryUnavailable: it does not; or too many logins are waiting already.
        """
        with self._place():
            self._directory.ping()

    @contextmanager
    def _place(self) -> Iterator[None]:
        if not self._places.acquire(timeout=_PATIENCE):
            raise DirectoryUnavailable("every login place of this worker is taken")
        try:
            yield
        finally:
            self._places.release()
