"""Our own account in the directory.

Owns: its password, read again when its file changes, and leaving it alone once it was refused: each further
try would bring it nearer to being locked. Must not know: servers, pools, people.
"""

import contextlib
import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from core.private_files import NotPrivate, read_secret
from directory.contract import DirectoryUnavailable
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.protocol.results import ServiceAccountRefused, judge_service_bind

_LOG = logging.getLogger(__name__)

# Seconds between two tries of a refused account: they double from the first to the most.
_FIRST_BACK_OFF = 60.0
_MOST_BACK_OFF = 300.0


class ServiceAccount:
    """The account that searches for people; without a DN, nobody in particular does."""

    def __init__(
        self,
        dn: str | None,
        password: str | None,
        *,
        password_file: Path | None,
        monotonic: Callable[[], float],
    ) -> None:
        """Keep the account.

        Args:
            dn: its name, or None for anonymous searches.
            password: what it is at the start.
            password_file: where it is read again, from now on; None if it never changes.
            monotonic: seconds since any moment.
        """
        self._dn = dn
        self._password = password or ""
        self._file = password_file
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._binding = threading.Lock()
        self._proven: str | None = None
        self._refusal: ServiceAccountRefused | None = None
        self._refused: str | None = None
        self._back_off = 0.0
        self._again_from = 0.0

    @contextlib.contextmanager
    def connecting(self, deadline: Deadline) -> Iterator[None]:
        """Allow a new connection, on which `introduce` follows; one at a time until the password is proven.

        So a wrong password costs one refused bind, and not one for each login that is under way.

        Args:
            deadline: for the wait.

        Raises:
            ServiceAccountRefused: it was refused, its password has not changed, and its time has not come.
            DirectoryUnavailable: another connection tries the password, and takes too long.
        """
        if self._dn is None or self._proven == self.read_password():
            yield
            return
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise DirectoryUnavailable("the bind of our own account, under way elsewhere, took too long")
        try:
            self._refuse_if_too_early()
            yield
        finally:
            self._lock.release()

    def bind(self, connection: LdapConnection, deadline: Deadline) -> None:
        """Bind a new connection as the account (RFC 4513, section 5.1.3), one at a time.

        A password that was good until now may have been changed on the server: then the first of many
        connections finds out, and the others do not try it after that.

        Args:
            connection: the new connection.
            deadline: for the wait.

        Raises:
            ServiceAccountRefused: the account or its password is wrong, or it may not log in.
            DirectoryUnavailable: nothing can be said.
        """
        if self._dn is None:
            return
        if not self._binding.acquire(timeout=deadline.remaining()):
            raise DirectoryUnavailable("the bind of our own account, under way elsewhere, took too long")
        try:
            self._refuse_if_too_early()
            self._bind(self._dn, connection)
        finally:
            self._binding.release()

    def _bind(self, dn: str, connection: LdapConnection) -> None:
        password = self.read_password()
        try:
            judge_service_bind(connection.bind(dn, password.encode()))
        except ServiceAccountRefused as refusal:
            self._remember(refusal, password)
            raise
        self._proven, self._refused, self._refusal, self._back_off = password, None, None, 0.0

    def _refuse_if_too_early(self) -> None:
        left = self._again_from - self._monotonic()
        if self._refusal is not None and self._refused == self.read_password() and left > 0:
            cure = "" if self._file is None else ", or at once when NETID_LDAP_BIND_PASSWORD_FILE changes"
            raise ServiceAccountRefused(
                f"{self._refusal.cause}; so that it is not locked, it is tried again in {left:.0f} s{cure}",
                alarm=True,
            )

    def _remember(self, refusal: ServiceAccountRefused, password: str) -> None:
        if self._refused != password:
            self._back_off = 0.0
        self._back_off = min(_MOST_BACK_OFF, max(_FIRST_BACK_OFF, 2 * self._back_off))
        self._again_from = self._monotonic() + self._back_off
        self._proven, self._refused, self._refusal = None, password, refusal

    def read_password(self) -> str:
        """Read the password; while its file is missing or empty, as amid a change, the last one holds.

        So it does while others can read or change the file: they must not choose what we send.
        """
        if self._file is not None:
            try:
                # One newline at the end is the editor's, as where settings are read.
                found = re.sub(r"\r?\n\Z", "", read_secret(self._file).decode())
                self._password = found or self._password
            except (OSError, UnicodeDecodeError):
                pass
            except NotPrivate as refused:
                _LOG.warning("NETID_LDAP_BIND_PASSWORD_FILE %s (the last password holds)", refused)
        return self._password
