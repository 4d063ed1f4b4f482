"""The administrator's view of lockouts, on each kind of directory server.

Owns: reading failure counts, unlocking accounts and setting passwords without the code under test. Must not
know: what is tested.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest
from ldap3 import BASE, MODIFY_DELETE, MODIFY_REPLACE, NONE, Connection, Server

from tests.servers.ds389 import Ds389
from tests.servers.samba import PEOPLE as SAMBA_PEOPLE
from tests.servers.samba import Samba
from tests.servers.slapd import SUFFIX, Slapd

_NO_SUCH_ATTRIBUTE = 16
_PATIENCE_SECONDS = 5


class Administrator(Protocol):
    """Reads and changes an account by its login name."""

    def failures(self, net_id: str) -> int:
        """Return how many failures the server counts for a user."""
        ...

    def is_locked(self, net_id: str) -> bool:
        """Return whether the server has locked a user out."""
        ...

    def set_password(self, net_id: str, password: str) -> None:
        """Set another password for a user."""
        ...

    def unlock(self, net_id: str) -> None:
        """Unlock a user."""
        ...


class _LdapAdministrator:
    """Administers entries by their own DNs."""

    def __init__(self, port: int, dn: str, password: str) -> None:
        self._login = _Login(port, dn, password)

    def set_password(self, net_id: str, password: str) -> None:
        """Replace the password in the entry."""
        self.change(_dn(net_id), {"userPassword": password})

    def change(self, dn: str, changes: dict[str, str]) -> None:
        """Replace attributes of an entry."""
        self._login.modify(dn, {name: [(MODIFY_REPLACE, [value])] for name, value in changes.items()})


class SlapdAdministrator(_LdapAdministrator):
    """An administrator of OpenLDAP."""

    def __init__(self, server: Slapd) -> None:
        super().__init__(server.port, f"cn=admin,{SUFFIX}", "admin")

    def failures(self, net_id: str) -> int:
        """Count the failure times in the entry."""
        return len(self._login.values(net_id, "pwdFailureTime"))

    def is_locked(self, net_id: str) -> bool:
        """Return whether the entry has a lock time."""
        return bool(self._login.values(net_id, "pwdAccountLockedTime"))

    def unlock(self, net_id: str) -> None:
        """Remove the lock and the failures."""
        self._login.modify(_dn(net_id), {"pwdAccountLockedTime": [(MODIFY_DELETE, [])]})


class Ds389Administrator(_LdapAdministrator):
    """An administrator of 389-ds."""

    def __init__(self, server: Ds389) -> None:
        super().__init__(server.port, "cn=Directory Manager", "admin-password")

    def set_password(self, net_id: str, password: str) -> None:
        """Replace the password in the entry. This server answers before it records the time of the change."""
        now = time.strftime("%Y%m%d%H%M%SZ", time.gmtime()).encode()
        super().set_password(net_id, password)
        until = time.monotonic() + _PATIENCE_SECONDS
        while self._login.values(net_id, "pwdUpdateTime") < [now]:
            assert time.monotonic() < until
            time.sleep(0.005)

    def failures(self, net_id: str) -> int:
        """Read the failure count of the entry."""
        return int((self._login.values(net_id, "passwordRetryCount") or [b"0"])[0])

    def is_locked(self, net_id: str) -> bool:
        """Return whether the entry has an unlock time."""
        return bool(self._login.values(net_id, "accountUnlockTime"))

    def unlock(self, net_id: str) -> None:
        """Remove the lock and reset the count."""
        names = ("accountUnlockTime", "passwordRetryCount", "retryCountResetTime")
        self._login.modify(_dn(net_id), {name: [(MODIFY_REPLACE, [])] for name in names})


class SambaAdministrator:
    """An administrator of Active Directory."""

    def __init__(self, server: Samba) -> None:
        self._server = server

    def failures(self, net_id: str) -> int:
        """Read the failure count of the entry."""
        return int(self._server.read(_samba_dn(net_id), "badPwdCount"))

    def is_locked(self, net_id: str) -> bool:
        """Return whether the entry's computed flags include the lock (MS-ADTS, 2.2.16)."""
        return bool(int(self._server.read(_samba_dn(net_id), "msDS-User-Account-Control-Computed")) & 0x10)

    def set_password(self, net_id: str, password: str) -> None:
        """Replace the password of the entry."""
        self._server.set_password(_samba_dn(net_id), password)

    def unlock(self, net_id: str) -> None:
        """Remove the lock and reset the count."""
        self._server.change(_samba_dn(net_id), {"lockoutTime": 0})


@dataclass(frozen=True)
class _Login:
    """Credentials for one connection per operation: a test may restart the server in between."""

    port: int
    dn: str
    password: str

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Open a connection for the length of a `with` block."""
        server = Server("127.0.0.1", port=self.port, get_info=NONE)
        connection = Connection(server, self.dn, self.password, auto_bind=True)
        try:
            yield connection
        finally:
            connection.unbind()

    def values(self, net_id: str, attribute: str) -> list[bytes]:
        """Read an attribute of a user."""
        with self.connection() as connection:
            if not connection.search(_dn(net_id), "(objectClass=*)", BASE, attributes=[attribute]):
                pytest.fail(f"{connection.result}")
            values: list[bytes] = connection.response[0]["raw_attributes"].get(attribute, [])
            return values

    def modify(self, dn: str, changes: dict[str, list[tuple[str, list[str]]]]) -> None:
        """Change an entry; an attribute to remove may be missing."""
        with self.connection() as connection:
            if not connection.modify(dn, changes) and connection.result["result"] != _NO_SUCH_ATTRIBUTE:
                pytest.fail(f"{connection.result}")


def _dn(net_id: str) -> str:
    return f"uid={net_id},ou=people,{SUFFIX}"


def _samba_dn(net_id: str) -> str:
    return f"CN={net_id},{SAMBA_PEOPLE}"
