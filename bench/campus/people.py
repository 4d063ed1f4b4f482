"""The campus's users, in the embedded directory, and the lockout that a real directory adds.

The embedded directory locks nobody. So `WatchedDirectory` counts wrong passwords as a campus's password
policy does, and counts binds.
"""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from directory import InvalidCredentials, Person, Refusal

SUFFIX = "dc=campus,dc=example"
SERVICES = f"cn=services,ou=groups,{SUFFIX}"
SERVICE_ACCOUNT = "service-1"
_MOST_FAILURES = 5
_LOCK_SECONDS = 1800
"""An account is locked by five wrong passwords in half an hour, and for as long."""


def net_id(number: int) -> str:
    """The Net ID of a user."""
    return f"user-{number}"


def password(name: str) -> str:
    """The password of a user."""
    return f"password of {name}"


def write_directory(path: Path, people: int) -> None:
    """Write the directory of the campus as LDIF.

    Args:
        path: the file.
        people: how many users it has, beside one service account.
    """
    entries = [
        f"dn: {SUFFIX}\nobjectClass: organization\nobjectClass: dcObject\ndc: campus\no: Campus\n",
        *(
            f"dn: ou={unit},{SUFFIX}\nobjectClass: organizationalUnit\nou: {unit}\n"
            for unit in ("people", "groups")
        ),
        f"dn: {SERVICES}\nobjectClass: groupOfNames\ncn: services\nmember: {_dn(SERVICE_ACCOUNT)}\n",
        *(_entry(net_id(number), number) for number in range(people)),
        _entry(SERVICE_ACCOUNT, people) + f"memberOf: {SERVICES}\n",
    ]
    path.write_text("\n".join(entries), "utf-8")


def _dn(name: str) -> str:
    return f"uid={name},ou=people,{SUFFIX}"


def _entry(name: str, number: int) -> str:
    return (
        f"dn: {_dn(name)}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: User {number}\n"
        f"sn: {number}\nmail: {name}@campus.example\nuserPassword: {password(name)}\n"
        f"entryUUID: {uuid.uuid5(uuid.NAMESPACE_OID, name)}\n"
    )


class WatchedDirectory:
    """A directory that counts binds, and locks accounts after wrong passwords. All else is inherited."""

    def __init__(self, inner: Any, clock: Callable[[], float]) -> None:
        """Watch a directory.

        Args:
            inner: the directory.
            clock: seconds since the epoch.
        """
        self._inner = inner
        self._clock = clock
        self._failures: dict[str, list[float]] = {}
        self._locked_until: dict[str, float] = {}
        self.binds = 0
        self.lockouts = 0

    def __getattr__(self, name: str) -> Any:
        """All that is not watched."""
        return getattr(self._inner, name)

    def find(self, name: str, *, groups: bool = False) -> Any:
        """Find an account, whose binds are watched."""
        return _WatchedAccount(self._inner.find(name, groups=groups), self)

    def verify(self, account: Any, secret: str) -> Person:
        """Bind, unless the account is locked; count the bind, and a wrong password.

        Args:
            account: the inner directory's.
            secret: the password.

        Raises:
            InvalidCredentials: as a directory with a lockout.
        """
        self.binds += 1
        now, who = self._clock(), account.person_id
        if self._locked_until.get(who, 0) > now:
            raise InvalidCredentials(Refusal.LOCKED)
        try:
            person: Person = account.verify(secret)
        except InvalidCredentials:
            recent = [at for at in self._failures.get(who, []) if at > now - _LOCK_SECONDS]
            self._failures[who] = [*recent, now]
            if len(self._failures[who]) >= _MOST_FAILURES:
                self._locked_until[who] = now + _LOCK_SECONDS
                self.lockouts += 1
            raise
        self._failures.pop(who, None)
        return person


class _WatchedAccount:
    """An account whose binds its directory counts."""

    def __init__(self, inner: Any, directory: WatchedDirectory) -> None:
        self._inner = inner
        self._directory = directory

    def __getattr__(self, name: str) -> Any:
        """All that is not watched."""
        return getattr(self._inner, name)

    def verify(self, secret: str) -> Person:
        """Bind, and be counted."""
        return self._directory.verify(self._inner, secret)
