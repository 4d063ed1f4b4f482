"""The meaning of LDAP results: one table for users' binds, one for our own account's, one for searches.

Owns: which results refuse the user and which mean that the directory is unavailable (RFC 4511, appendix A),
and the reason of a refusal: from the password policy control, the sub-codes of Active Directory, or the
texts of 389-ds and FreeIPA. Must not know: connections, entries.
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
from directory.ldap.protocol import password_policy
from directory.ldap.protocol.entry import Answer
from directory.ldap.protocol.password_policy import PolicyControlError, PolicyError, PolicyResponse
from directory.ldap.protocol.server_text import (
    BY_SUB_CODE,
    BY_TEXT,
    PROVED_BY_SUB_CODE,
    PROVED_BY_TEXT,
    SUB_CODE,
    loggable_text,
)

_Causes = Mapping[int, str]
# Only 49 is about the password. A directory answers 19 after too many failures. 32 and 34 mean that our DN is
# stale or malformed, 48 that the entry has no password, 50 that the entry may not log in.
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

# The other errors of the control concern a change of the password, which a bind does not make.
_REFUSALS_BY_POLICY: Final[Mapping[PolicyError, Refusal]] = MappingProxyType(
    {
        PolicyError.PASSWORD_EXPIRED: Refusal.EXPIRED,
        PolicyError.ACCOUNT_LOCKED: Refusal.LOCKED,
        PolicyError.CHANGE_AFTER_RESET: Refusal.MUST_CHANGE,
    }
)

# Faults of the settings: an operator must act, for any bind and search.
_TLS_REQUIRED = "it wants TLS, and what we sent went in clear (NETID_LDAP_START_TLS)"
_SETTING_ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        RESULT_STRONGER_AUTH_REQUIRED: _TLS_REQUIRED,
        RESULT_CONFIDENTIALITY_REQUIRED: _TLS_REQUIRED,
        RESULT_REFERRAL: "it refers us to another server, which is never followed (NETID_LDAP_USER_BASE)",
    }
)

_ACCOUNT_REFUSALS: Final = frozenset({*_REFUSALS, RESULT_UNWILLING_TO_PERFORM})

_SEARCH_ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        RESULT_NO_SUCH_OBJECT: "the base does not exist or may not be seen (NETID_LDAP_USER_BASE)",
        RESULT_INVALID_DN_SYNTAX: "the base is not a DN (NETID_LDAP_USER_BASE)",
        RESULT_INSUFFICIENT_ACCESS_RIGHTS: "the account may not search (NETID_LDAP_BIND_DN)",
    }
)

_GROUP_SEARCH_ERRORS: Final[Mapping[int, str]] = MappingProxyType(
    {
        RESULT_NO_SUCH_OBJECT: "the base does not exist or may not be seen (NETID_LDAP_GROUP_BASE)",
        RESULT_INVALID_DN_SYNTAX: "the base is not a DN (NETID_LDAP_GROUP_BASE)",
        RESULT_INSUFFICIENT_ACCESS_RIGHTS: "the account may not search (NETID_LDAP_BIND_DN)",
        RESULT_SIZE_LIMIT_EXCEEDED: "the person has more groups than the account may be shown",
    }
)


class ServiceAccountRefused(DirectoryUnavailable):
    """The directory refuses our own account. Another server is not tried: that may lock the account."""


class BaseMissing(DirectoryUnavailable):
    """A server does not have the base of a search, or hides it. Another server may have it."""


class NoSuchEntry(InvalidCredentials):
    """The server refused a bind because it does not have the entry, so it has counted no failure."""


def judge_person_bind(answer: Answer, *, unwilling_refuses: bool, allow_must_change: bool) -> PolicyResponse:
    """Accept a user's bind, or raise what its result means (RFC 4511, section 4.2.2).

    Args:
        answer: the result of a bind with the password policy request control.
        unwilling_refuses: whether `unwillingToPerform` refuses the user, as on 389-ds. Otherwise the server
            is unavailable.
        allow_must_change: whether a successful bind is accepted if the user must change the password.

    Returns:
        The password policy control of a success.

    Raises:
        InvalidCredentials: the result is one of the few that refuse the user.
        DirectoryUnavailable: any other result.
    """
    if answer.code == RESULT_SUCCESS:
        policy = _policy_of_success(answer)
        if policy.error is PolicyError.CHANGE_AFTER_RESET and not allow_must_change:
            raise _needs_new_password(Refusal.MUST_CHANGE, loggable_text(answer.message))
        return policy
    if answer.code in _REFUSALS or (answer.code == RESULT_UNWILLING_TO_PERFORM and unwilling_refuses):
        raise _refusal(answer)
    operation = "a person's bind"
    if answer.code == RESULT_UNWILLING_TO_PERFORM:
        operation += " (were it about the person, as on 389-ds, NETID_LDAP_PROFILE would say so)"
    raise _unavailable(operation, answer, _SETTING_ERRORS)


def judge_service_bind(answer: Answer) -> None:
    """Accept the bind of our own account. A refusal is never a user's fault, and its text quotes no user.

    Raises:
        ServiceAccountRefused: the account or its password is wrong, or it may not log in.
        DirectoryUnavailable: the server could not answer.
    """
    if answer.code == RESULT_SUCCESS:
        return
    if answer.code in _ACCOUNT_REFUSALS:
        raise ServiceAccountRefused(
            "the directory refuses our own account (NETID_LDAP_BIND_DN, NETID_LDAP_BIND_PASSWORD): "
            + _description(answer, answer.message),
            alarm=True,
        )
    raise _unavailable("the bind of our own account", answer, _SETTING_ERRORS, answer.message)


def judge_search(answer: Answer) -> None:
    """Accept a search whose result is complete (RFC 4511, section 4.5.2).

    Raises:
        InvalidCredentials: more entries match than the size limit allows: `ambiguous`.
        BaseMissing: the server does not have the base.
        DirectoryUnavailable: the server could not answer.
    """
    if answer.code == RESULT_SUCCESS:
        return
    if answer.code == RESULT_SIZE_LIMIT_EXCEEDED:
        raise InvalidCredentials(Refusal.AMBIGUOUS, loggable_text(answer.message))
    failure = _unavailable("a search", answer, {**_SETTING_ERRORS, **_SEARCH_ERRORS})
    if answer.code == RESULT_NO_SUCH_OBJECT:
        raise BaseMissing(failure.cause, alarm=failure.alarm)
    raise failure


def judge_group_search(answer: Answer) -> None:
    """Accept a search that found all groups of a user. A partial list would be as wrong as an empty one.

    Raises:
        DirectoryUnavailable: the search is not complete.
    """
    if answer.code != RESULT_SUCCESS:
        raise _unavailable("a search for groups", answer, {**_SETTING_ERRORS, **_GROUP_SEARCH_ERRORS})


def _policy_of_success(answer: Answer) -> PolicyResponse:
    try:
        return _policy(answer)
    except PolicyControlError as error:
        # The control may have required a change of the password.
        raise DirectoryUnavailable(
            f"the directory sent a password policy control that cannot be read: {error}", alarm=True
        ) from error


def _policy(answer: Answer) -> PolicyResponse:
    value = answer.controls.get(password_policy.CONTROL)
    return password_policy.NOTHING_SAID if value is None else password_policy.decode(value)


def _refusal(answer: Answer) -> InvalidCredentials:
    """Find the reason of a refusal: in a known text, the control, the sub-code, or the result code."""
    text, detail = answer.message.lower(), loggable_text(answer.message)
    for words, reason in BY_TEXT.items():
        # Checked before the control: for an inactivated account the control of 389-ds says `locked`.
        if words in text:
            return (
                _needs_new_password(reason, detail)
                if words in PROVED_BY_TEXT
                else InvalidCredentials(reason, detail)
            )
    try:
        policy_error = _policy(answer).error
    except PolicyControlError:
        policy_error = None
    if policy_error is not None and policy_error in _REFUSALS_BY_POLICY:
        reason = _REFUSALS_BY_POLICY[policy_error]
        if reason is Refusal.LOCKED:
            return InvalidCredentials(reason, detail)
        # The policy checks the age of a password after the password itself (the draft of the control, 8.1.1).
        return _needs_new_password(reason, detail)
    if sub_code := SUB_CODE.search(answer.message):
        reason, meaning = BY_SUB_CODE.get(sub_code[1].lower(), (Refusal.REFUSED, "refused"))
        if sub_code[1] in PROVED_BY_SUB_CODE:
            return _needs_new_password(reason, f"{meaning} ({detail})")
        kind = NoSuchEntry if reason is Refusal.UNKNOWN_PERSON else InvalidCredentials
        return kind(reason, f"{meaning} ({detail})")
    kind = NoSuchEntry if answer.code == RESULT_NO_SUCH_OBJECT else InvalidCredentials
    return kind(_REFUSALS.get(answer.code, Refusal.REFUSED), detail)


def _needs_new_password(reason: Refusal, detail: str) -> InvalidCredentials:
    """The refusal of a password that the server has verified, until the user sets a new one."""
    refusal = InvalidCredentials(reason, detail)
    refusal.needs_new_password = True
    return refusal


def _unavailable(operation: str, answer: Answer, causes: _Causes, text: str = "") -> DirectoryUnavailable:
    description = _description(answer, text or loggable_text(answer.message))
    if answer.code in causes:
        cause = f"the directory refuses {operation}: {causes[answer.code]}: {description}"
        return DirectoryUnavailable(cause, alarm=True)
    return DirectoryUnavailable(f"the directory cannot answer {operation}: {description}")


def _description(answer: Answer, text: str) -> str:
    return f"result {answer.code} {RESULT_CODES.get(answer.code, 'unknown')}" + (
        f", {text!r}" if text else ""
    )
