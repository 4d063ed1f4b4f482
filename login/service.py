"""One login: what can be refused before the directory is, then the directory."""

import time
from collections.abc import Callable

from directory import MAX_NAME_CHARACTERS, Admit, Directory, InvalidCredentials, Person, Refusal
from login.concurrency.bulkhead import Bulkhead
from login.guard import Guard
from login.response_time import ResponseTimeFloor


def _accept(_: Person) -> None:
    """Check nothing."""


def _refuse_unacceptable(net_id: str, password: str) -> None:
    """Refuse what must reach no directory, whatever the directory would say of it."""
    if len(net_id) > MAX_NAME_CHARACTERS:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "the name is too long")
    if not password or "\0" in password or "\0" in net_id:
        raise InvalidCredentials(Refusal.UNACCEPTABLE, "empty password or NUL byte")


class Login:
    """Logins against one directory, under a guard, at most `places` of them at once in this process."""

    def __init__(
        self,
        directory: Directory,
        guard: Guard,
        *,
        places: int,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._directory = directory
        self._guard = guard
        self._places = Bulkhead(places, monotonic=monotonic)
        self._floor = ResponseTimeFloor(at_once=places, monotonic=monotonic, sleep=sleep)

    def authenticate(
        self,
        net_id: str,
        password: str,
        *,
        client_id: str,
        address: str,
        groups: bool = False,
        check: Callable[[Person], None] = _accept,
    ) -> Person:
        """Ask the directory whether this is the person (RFC 6749, 4.3.2), unless too many have failed.

        Args:
            net_id: the login name as typed; one over 256 characters is refused as a wrong password is.
            password: as typed. An empty one is refused here, whatever the directory would say of it
                (RFC 4513, 5.1.2: an unauthenticated bind succeeds on many).
            client_id: the client that asks.
            address: where the request comes from.
            groups: whether the person's groups are wanted.
            check: is shown the person whose password was right, and may raise InvalidCredentials: to whoever
                guesses, a refusal of any kind must be the same.

        Raises:
            Throttled: not now; the password was not looked at.
            InvalidCredentials: refused, with its reason.
            DirectoryUnavailable: nothing can be said; or too many logins are waiting already.
        """

        def ask(admit: Admit) -> Person:
            stay.has_asked = True
            _refuse_unacceptable(net_id, password)
            person = self._directory.authenticate(net_id, password, groups=groups, admit=admit)
            check(person)
            return person

        attempt = self._guard.arrive(net_id, client_id, address)
        with self._floor.under(groups=groups) as stay, self._places.one():
            stay.begin()
            return self._guard.watch(attempt, password, ask)

    def find(self, person_id: str, *, groups: bool = False) -> Person:
        """Ask the directory for the person with a stable id again, as a refresh must.

        Args:
            person_id: as `Person.id` gave it.
            groups: whether the person's groups are wanted.

        Raises:
            InvalidCredentials: gone, disabled, locked or expired.
            DirectoryUnavailable: nothing can be said; or too many logins are waiting already.
        """
        with self._places.one():
            return self._directory.find(person_id, groups=groups)

    def ping(self) -> None:
        """Ask cheaply whether the directory answers.

        It takes a place as a login does: probes of a hung directory must not take the threads that logins
        may not.

        Raises:
            DirectoryUnavailable: it does not; or too many logins are waiting already.
        """
        with self._places.one():
            self._directory.ping()
