"""The embedded directory: in memory, loaded from an LDIF file, for trials and tests.

Owns: making ldap3's mock server as strict as a real server, and the list of users in the file. Must not know:
how a login works. The same code runs over it as over a network.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ldap3 import NONE, Server
from ldap3.core.exceptions import LDAPInvalidDnError
from ldap3.core.results import (
    RESULT_INAPPROPRIATE_MATCHING,
    RESULT_INVALID_CREDENTIALS,
    RESULT_INVALID_DN_SYNTAX,
    RESULT_NO_SUCH_OBJECT,
    RESULT_SIZE_LIMIT_EXCEEDED,
    RESULT_SUCCESS,
    RESULT_UNWILLING_TO_PERFORM,
)
from ldap3.operation.search import ROOT
from ldap3.strategy.mockSync import MockSyncStrategy
from ldap3.utils.ciDict import CaseInsensitiveDict
from ldap3.utils.dn import parse_dn
from ldif import LDIFParser

from directory.dn import NotADn, dn_key, escape_for_dn, unescape_from_dn
from directory.ldap.config import ConfigError
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.strategy import Ldap3Operations

_PASSWORD = "userPassword"  # noqa: S105 - the attribute's name


@dataclass(frozen=True, slots=True)
class EmbeddedPerson:
    """A user who can log in to the embedded directory, for the message at the start of a trial.

    Attributes:
        net_id: the login name.
        password: the password in clear.
        name: the full name.
        what: the user's affiliations, and whether the account is disabled.
    """

    net_id: str
    password: str
    name: str
    what: str


class StrictMockStrategy(Ldap3Operations, MockSyncStrategy):  # type: ignore[misc] # ldap3 has no types
    """ldap3's mock server, made as strict as a real server."""

    def mock_bind(self, request_message: Any, _controls: object) -> dict[str, Any]:
        """Compare the exact bytes of the password: ldap3's mock server ignores case."""
        dn, password = str(request_message["name"]), bytes(request_message["authentication"]["simple"])
        if not dn and not password:
            return _result(RESULT_SUCCESS)
        if not password:
            return _result(
                RESULT_UNWILLING_TO_PERFORM, "unauthenticated bind (DN with no password) disallowed"
            )
        try:
            entry = self.connection.server.dit.get(_canonical(dn), {})
        except LDAPInvalidDnError:
            return _result(RESULT_INVALID_DN_SYNTAX, "invalid DN")
        right = any(hmac.compare_digest(password, stored) for stored in entry.get(_PASSWORD, ()))
        return _result(RESULT_SUCCESS if right else RESULT_INVALID_CREDENTIALS)

    def mock_search(self, request_message: Any, _controls: object) -> tuple[list[Any], dict[str, Any]]:
        """Search, and ignore controls (RFC 4511, section 4.1.11): the mock server fails on unknown ones."""
        if _has_extensible_match(request_message["filter"]):
            # The mock server would silently find nothing.
            return [], _result(RESULT_INAPPROPRIATE_MATCHING, "extensible matches are not supported here")
        return super().mock_search(request_message, None)  # type: ignore[no-any-return]

    def _execute_search(self, request: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Search, but require that the base exists, hide passwords, and apply the size limit."""
        if not request["base"] and request["scope"] == 0:
            return [], _result(RESULT_SUCCESS)  # an empty root DSE (RFC 4512, section 5.1)
        try:
            base = self.connection.server.names.get(dn_key(request["base"]))
        except NotADn:
            return [], _result(RESULT_INVALID_DN_SYNTAX, "invalid DN")
        if base is None:
            return [], _result(RESULT_NO_SUCH_OBJECT, "no such object")
        limit = request["sizeLimit"]
        found, result = super()._execute_search({**request, "base": base, "sizeLimit": 0})
        for entry in found:
            entry["attributes"] = [a for a in entry["attributes"] if a["type"].lower() != _PASSWORD.lower()]
        if 0 < limit < len(found):
            return found[:limit], _result(RESULT_SIZE_LIMIT_EXCEEDED, "size limit exceeded")
        return found, result

    def evaluate_filter_node(self, node: Any, candidates: list[str]) -> Any:
        """Evaluate a filter, and correct what ldap3 leaves unmatched in a NOT of an AND or OR."""
        matched = super().evaluate_filter_node(node, candidates)
        if node.tag != ROOT:
            node.unmatched = set(candidates) - node.matched
        return matched


class Embedded:
    """One directory in memory, and the source of connections to it."""

    def __init__(self, entries: Mapping[str, Mapping[str, list[bytes]]]) -> None:
        self.suffix = next(iter(entries))
        self._server = Server("embedded", get_info=NONE)
        # ldap3's `add_entry` would add the escaped form of the name as a further attribute value.
        self._server.dit = CaseInsensitiveDict(
            {_canonical(dn): CaseInsensitiveDict(attributes) for dn, attributes in entries.items()}
        )
        # An entry is found by every spelling of its DN, as in a real directory.
        self._server.names = {dn_key(dn): dn for dn in self._server.dit}

    @classmethod
    def from_ldif(cls, path: Path) -> Self:
        """Load a directory from a file. Its first entry is the suffix.

        Raises:
            ConfigError: the file is not LDIF (RFC 2849), or has no entries.
        """
        try:
            return cls(_read_ldif(path))
        except (LDAPInvalidDnError, NotADn) as error:
            raise ConfigError(
                (f"NETID_LDAP_URI: {path} has an entry with an invalid DN: {error}.",)
            ) from error

    def connect(
        self,
        _deadline: Deadline,
        introduce: Callable[[LdapConnection], None],
        *,
        prefer: str | None = None,
        avoid: str | None = None,
    ) -> LdapConnection:
        """Return a new connection. `prefer` and `avoid` have no effect, since there is one server."""
        del prefer, avoid
        link = LdapConnection(self._server, StrictMockStrategy, name="the embedded directory")
        link.strategy.open(read_server_info=False)
        introduce(link)
        return link


def embedded_people(path: Path) -> list[EmbeddedPerson]:
    """List the users who can log in to the embedded directory of an LDIF file, with their passwords.

    Raises:
        ConfigError: the file is not LDIF (RFC 2849), or has no entries.
    """
    people = []
    for attributes in _read_ldif(path).values():
        values = {
            name.lower(): [value.decode(errors="replace") for value in raw]
            for name, raw in attributes.items()
        }
        if "uid" in values and "userpassword" in values:
            what = ", ".join(values.get("edupersonaffiliation", []))
            disabled = " (disabled)" if "pwdaccountlockedtime" in values else ""
            people.append(
                EmbeddedPerson(
                    net_id=values["uid"][0],
                    password=values["userpassword"][0],
                    name=values.get("cn", [""])[0],
                    what=what + disabled,
                )
            )
    return people


def _read_ldif(path: Path) -> dict[str, dict[str, list[bytes]]]:
    try:
        with path.open("rb") as file:
            records = list(LDIFParser(file, encoding=None).parse())
    except (OSError, ValueError) as error:
        raise ConfigError((f"NETID_LDAP_URI: {path} cannot be read as LDIF: {error}.",)) from error
    # If an empty line follows `version: 1`, the parser returns that line as a record without a DN.
    entries = {dn: dict(attributes) for dn, attributes in records if dn is not None}
    if not entries:
        raise ConfigError((f"NETID_LDAP_URI: {path} has no entries.",))
    return entries


def _canonical(dn: str) -> str:
    """Return a DN with the escaping of the entries' keys, since a DN can be escaped in several ways."""
    return "".join(
        f"{kind}={escape_for_dn(unescape_from_dn(value))}{separator}"
        for kind, value, separator in parse_dn(dn)
    )


def _has_extensible_match(search_filter: Any) -> bool:
    kind = search_filter.getName()
    if kind in {"and", "or"}:
        return any(_has_extensible_match(part) for part in search_filter[kind])
    if kind == "notFilter":
        return _has_extensible_match(search_filter["notFilter"]["innerNotFilter"])
    return bool(kind == "extensibleMatch")


def _result(code: int, message: str = "") -> dict[str, Any]:
    return {
        "resultCode": code,
        "matchedDN": "",
        "diagnosticMessage": message,
        "referral": None,
        "serverSaslCreds": None,
    }
