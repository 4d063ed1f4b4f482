"""What an LDAP result code means to us: a table for people's binds, for our own account's, for searches.

Owns: which results are a refusal of the person and which only say that nothing can be said (RFC 4511,
appendix A). Must not know: connections, entries.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ldap3.core.results import (
    RESULT_CODES,
    RESULT_CONFIDENTIALITY_REQUIRED,
    RESULT_CONSTRAINT_VIOLATION,
    RESULT_INAPPROPRIATE_AUTHENTICATION,
    RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    RESULT_INVALID_CREDENTIALS,
    RESULT_INVALID_DN_SYNTAX,
    RESULT_NO_SUCH_OBJECT,
    RESULT_REFERRAL,
    RESULT_SIZE_LIMIT_EXCEEDED,
    RESULT_STRONGER_AUTH_REQUIRED,
    RESULT_SUCCESS,
    RESULT_UNWILLING_TO_PERFORM,
)

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap.entry import Answer

# Only 49 says something about the password. 19 is how a directory says that too many tries were made; 32 and
# 34 are a stale or misbuilt DN of ours, 48 an entry without a password, 50 one that may not log in.
_REFUSALS: Final[Mapping[int, Refusal]] = MappingProxyType(
    {
        RESULT_INVALID_CREDENTIALS: Refusal.WRONG_PASSWORD,
        RESULT_CONSTRAINT_VIOLATION: Refusal.LOCKED,
        RESULT_INSUFFICIENT_ACCESS_RIGHTS: Refusal.REFUSED,
        RESULT_NO_SUCH_OBJECT: Refusal.REFUSED,
        RESULT_INVALID_DN_SYNTAX: Refusal.REFUSED,
        RESULT_INAPPROPRIATE_AUTHENTICATION: Refusal.REFUSED,
    }
)

# No waiting cures these, whoever binds or searches.
_WANTS_TLS = "it wants TLS, and what we sent went in clear (NETID_LDAP_START_TLS)"
_SETTINGS_AT_FAULT: Final[Mapping[int, str]] = MappingProxyType(
    {
        RESULT_STRONGER_AUTH_REQUIRED: _WANTS_TLS,
        RESULT_CONFIDENTIALITY_REQUIRED: _WANTS_TLS,
        RESULT_REFERRAL: "it refers us to another server, which is never followed (NETID_LDAP_USER_BASE)",
    }
)

_ACCOUNT_AT_FAULT: Final = frozenset({*_REFUSALS, RESULT_UNWILLING_TO_PERFORM})

_SEARCH_AT_FAULT: Final[Mapping[int, str]] = MappingProxyType(
    {
        RESULT_NO_SUCH_OBJECT: "the base does not exist or may not be seen (NETID_LDAP_USER_BASE)",
        RESULT_INVALID_DN_SYNTAX: "the base is not a DN (NETID_LDAP_USER_BASE)",
        RESULT_INSUFFICIENT_ACCESS_RIGHTS: "the account may not search (NETID_LDAP_BIND_DN)",
    }
)


class ServiceAccountRefused(DirectoryUnavailable):
    """Our own account was refused: asking another server would only bring it nearer to being locked."""


def judge_person_bind(answer: Answer) -> None:
    """Accept a person's bind, or say what it came to (RFC 4511, section 4.2.2).

    Raises:
        InvalidCredentials: the result is one of the few that refuse the person.
        DirectoryUnavailable: it is any other.
    """
    if answer.code == RESULT_SUCCESS:
        return
    if answer.code in _REFUSALS:
        raise InvalidCredentials(_REFUSALS[answer.code], answer.message)
    raise _unavailable("a person's bind", answer, _SETTINGS_AT_FAULT)


def judge_service_bind(answer: Answer) -> None:
    """Accept the bind of our own account; a refusal of it is never a person's fault.

    Raises:
        ServiceAccountRefused: the account or its password is wrong, or it may not log in.
        DirectoryUnavailable: nothing can be said.
    """
    if answer.code == RESULT_SUCCESS:
        return
    if answer.code in _ACCOUNT_AT_FAULT:
        raise ServiceAccountRefused(
            "the directory refuses our own account (NETID_LDAP_BIND_DN, NETID_LDAP_BIND_PASSWORD): "
            + _described(answer),
            alarm=True,
        )
    raise _unavailable("the bind of our own account", answer, _SETTINGS_AT_FAULT)


def judge_search(answer: Answer) -> None:
    """Accept a search that can be relied on to have found all there is (RFC 4511, section 4.5.2).

    Raises:
        InvalidCredentials: the server had more than we asked for: `ambiguous`.
        DirectoryUnavailable: nothing can be said.
    """
    if answer.code == RESULT_SUCCESS:
        return
    if answer.code == RESULT_SIZE_LIMIT_EXCEEDED:
        raise InvalidCredentials(Refusal.AMBIGUOUS, answer.message)
    raise _unavailable("a search", answer, {**_SETTINGS_AT_FAULT, **_SEARCH_AT_FAULT})


def _unavailable(what: str, answer: Answer, at_fault: Mapping[int, str]) -> DirectoryUnavailable:
    if answer.code in at_fault:
        cause = f"the directory refuses {what}: {at_fault[answer.code]}: {_described(answer)}"
        return DirectoryUnavailable(cause, alarm=True)
    return DirectoryUnavailable(f"the directory cannot answer {what}: {_described(answer)}")


def _described(answer: Answer) -> str:
    name = RESULT_CODES.get(answer.code, "unknown")
    return f"result {answer.code} {name}" + (f", {answer.message!r}" if answer.message else "")
