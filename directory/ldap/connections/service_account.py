"""The service account: our own account in the directory.

Owns: its password, which is read from its file again at each use, and the back-off after a refusal: each
further try would bring the account nearer to a lockout. Must not know: servers, pools, people.
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

# Back-off in seconds after the account was refused. It doubles with each refusal, up to the maximum.
_FIRST_BACK_OFF = 60.0
_MAX_BACK_OFF = 300.0


class ServiceAccount:
    """The account that searches for people. Without a DN, searches are anonymous."""

    def __init__(
        self,
        dn: str | None,
        password: str | None,
        *,
        password_file: Path | None,
        monotonic: Callable[[], float],
    ) -> None:
        """Start with a password that is not proven yet.

        Args:
            dn: of the account, or None for anonymous searches.
            password: the password at the start.
            password_file: the file to read the password from again; None if it never changes.
            monotonic: seconds since any moment.
        """
        self._dn = dn
        self._password = password or ""
        self._file = password_file
        self._monotonic = monotonic
        self._first_bind_lock = threading.Lock()
        self._bind_lock = threading.Lock()
        self._proven_password: str | None = None
        self._refusal: ServiceAccountRefused | None = None
        self._refused_password: str | None = None
        self._back_off = 0.0
        self._retry_at = 0.0

    @contextlib.contextmanager
    def connecting(self, deadline: Deadline) -> Iterator[None]:
        """Allow a new connection, on which `bind` follows. Only one at a time, until the password is proven.

        So a wrong password costs one refused bind, not one for each concurrent login.

        Args:
            deadline: for the wait.

        Raises:
            ServiceAccountRefused: the account was refused with this password, and the back-off is not over.
            DirectoryUnavailable: the bind of another connection takes too long.
        """
        if self._dn is None or self._proven_password == self.read_password():
            yield
            return
        if not self._first_bind_lock.acquire(timeout=deadline.remaining()):
            raise DirectoryUnavailable("the bind of our own account on another connection took too long")
        try:
            self._refuse_if_too_early()
            yield
        finally:
            self._first_bind_lock.release()

    def bind(self, connection: LdapConnection, deadline: Deadline) -> None:
        """Bind a new connection as the account (RFC 4513, section 5.1.3), one connection at a time.

        An administrator may have changed a password that was proven before. Then the first connection learns
        of it, and the others do not try the old password.

        Args:
            connection: the new connection.
            deadline: for the wait.

        Raises:
            ServiceAccountRefused: the account or its password is wrong, or it may not log in.
            DirectoryUnavailable: the server cannot answer, or the bind of another connection takes too long.
        """
        if self._dn is None:
            return
        if not self._bind_lock.acquire(timeout=deadline.remaining()):
            raise DirectoryUnavailable("the bind of our own account on another connection took too long")
        try:
            self._refuse_if_too_early()
            self._bind_as(self._dn, connection)
        finally:
            self._bind_lock.release()

    def _bind_as(self, dn: str, connection: LdapConnection) -> None:
        password = self.read_password()
        try:
            judge_service_bind(connection.bind(dn, password.encode()))
        except ServiceAccountRefused as refusal:
            self._record_refusal(refusal, password)
            raise
        self._proven_password, self._refused_password = password, None
        self._refusal, self._back_off = None, 0.0

    def _refuse_if_too_early(self) -> None:
        left = self._retry_at - self._monotonic()
        if self._refusal is not None and self._refused_password == self.read_password() and left > 0:
            cure = "" if self._file is None else ", or at once when NETID_LDAP_BIND_PASSWORD_FILE changes"
            raise ServiceAccountRefused(
                f"{self._refusal.cause}; so that it is not locked, it is tried again in {left:.0f} s{cure}",
                alarm=True,
            )

    def _record_refusal(self, refusal: ServiceAccountRefused, password: str) -> None:
        if self._refused_password != password:
            self._back_off = 0.0
        self._back_off = min(_MAX_BACK_OFF, max(_FIRST_BACK_OFF, 2 * self._back_off))
        self._retry_at = self._monotonic() + self._back_off
        self._proven_password, self._refused_password, self._refusal = None, password, refusal

    def read_password(self) -> str:
        """Read the password from its file, if it has one.

        The last password holds while the file is missing or empty, as it may be during a change. It also
        holds while other users can read or change the file: they must not choose what we send.
        """
        if self._file is not None:
            try:
                # An editor adds one newline at the end; settings ignore it too.
                content = re.sub(r"\r?\n\Z", "", read_secret(self._file).decode())
                self._password = content or self._password
            except (OSError, UnicodeDecodeError):
                pass
            except NotPrivate as fault:
                _LOG.warning("NETID_LDAP_BIND_PASSWORD_FILE %s (the last password holds)", fault)
        return self._password
