"""An entry that was found, as it is shown before its password is tried.

Owns: what of an entry says that its password or its lockout state has changed, and how near it is to being
locked. Must not know: connections, and what is made of it.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from directory.contract import Person, Standing
from directory.ldap.entry import Entry

_STATE_OCTETS: Final = 8
_STATE: Final = (
    "pwdChangedTime",
    "pwdAccountLockedTime",
    "pwdReset",
    "pwdLastSet",
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "accountUnlockTime",
    "nsAccountLock",
)


@dataclass(frozen=True, slots=True)
class FoundAccount:
    """The account of a person whose entry was found."""

    person: Person
    entry: Entry

    @property
    def person_id(self) -> str:
        """The stable id of the person."""
        return self.person.id

    @property
    def state(self) -> bytes:
        """A digest of when the password was changed and whether the account is locked."""
        seen = [self.person.password_changed_at, *(self.entry.text(name) for name in _STATE)]
        return sha256(repr(seen).encode()).digest()[:_STATE_OCTETS]

    def standing(self) -> Standing:
        """How near the account is to being locked: not known."""
        return Standing()
