"""The doctor's questions about searches for people, whoever they are.

Owns: whether the server keeps a size limit, and whether our account sees people. Must not know: one person.
"""

import time
from typing import Final

from ldap3.core.results import RESULT_SIZE_LIMIT_EXCEEDED

from directory.ldap.config import LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.diagnostics.report import StepResult
from directory.ldap.people.visibility_check import VisibilityCheck
from directory.ldap.protocol.entry import SearchResult
from directory.ldap.protocol.results import judge_search

_ANYBODY: Final = 1
_BLIND_BY_DESIGN: Final = (
    "without an account of ours people see only themselves: a refresh answers 503, unless an anonymous "
    "search finds the person"
)


def at_size_limit(link: LdapConnection, base: str) -> StepResult:
    """Whether the server counts with us: a login tells one person from two by it.

    Args:
        link: bound as our own account.
        base: where people are.

    Raises:
        DirectoryUnavailable: the search failed.
    """
    found = link.search(base, "(objectClass=*)", attributes=["1.1"], size_limit=_ANYBODY)
    if found.answer.code != RESULT_SIZE_LIMIT_EXCEEDED:
        judge_search(found.answer)
    kept = len(found.entries) <= _ANYBODY
    return StepResult(
        ("kept" if kept else "not kept by the server; entries are counted here") + referred(found)
    )


def at_people(config: LdapConfig, link: LdapConnection, base: str) -> StepResult:
    """Whether people are found by their stable id, as a refresh finds them.

    Args:
        config: the settings.
        link: bound as our own account.
        base: where people are.

    Raises:
        DirectoryUnavailable: our account sees nobody.
    """
    if not config.sees_people:
        return StepResult(_BLIND_BY_DESIGN, "NETID_LDAP_BIND_DN")
    VisibilityCheck(config, base, time.monotonic).check_by_id(link)
    return StepResult(f"people are found by {config.effective_profile().id_attribute}")


def referred(found: SearchResult) -> str:
    """Tell of references to other servers (RFC 4511, section 4.5.3), if there are any."""
    if not found.references:
        return ""
    return f"; {found.references} references to other servers are not followed"
