"""What an LDAP result means to us: a table for people's binds, for our own account's, for searches.

Owns: which results are a refusal of the person and which only say that nothing can be said (RFC 4511,
appendix A), and where a refusal's reason stands: in the password policy control, in Active Directory's
sub-codes, in the texts of 389-ds and FreeIPA. Must not know: connections, entries.
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
from directory.ldap.protocol.server_text import BY_SUB_CODE, BY_TEXT, SUB_CODE, repeatable

_Causes = Mapping[int, str]
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

# The other errors of the control are about choosing a new password, which a bind does not.
_BY_POLICY: Final[Mapping[PolicyError, Refusal]] = MappingProxyType(
    {
        PolicyError.PASSWORD_EXPIRED: Refusal.EXPIRED,
        PolicyError.ACCOUNT_LOCKED: Refusal.LOCKED,
        PolicyError.CHANGE_AFTER_RESET: Refusal.MUST_CHANGE,
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

_GROUPS_AT_FAULT: Final[Mapping[int, str]] = MappingProxyType(
    {
        RESULT_NO_SUCH_OBJECT: "the base does not exist or may not be seen (NETID_LDAP_GROUP_BASE)",
        RESULT_INVALID_DN_SYNTAX: "the base is not a DN (NETID_LDAP_GROUP_BASE)",
        RESULT_INSUFFICIENT_ACCESS_RIGHTS: "the account may not search (NETID_LDAP_BIND_DN)",
        RESULT_SIZE_LIMIT_EXCEEDED: "the person has more groups than the account may be shown",
    }
)


class ServiceAccountRefused(DirectoryUnavailable):
    """Our own account was refused: asking another server would only bring it nearer to being locked."""


class BaseMissing(DirectoryUnavailable):
    """A server does not have the base of a search, or does not show it: another server may."""


class NoSuchEntry(InvalidCredentials):
    """The server says of a bind that it does not have the entry, so it has counted no failure."""


def judge_person_bind(answer: Answer, *, unwilling_refuses: bool, allow_must_change: bool) -> PolicyResponse:
    """Accept a person's bind, or say what it came to (RFC 4511, section 4.2.2).

    Args:
        answer: to a bind with the password policy request control.
        unwilling_refuses: whether `unwillingToPerform` is about the person, as 389-ds has it, and not about
            the server.
        allow_must_change: whether a bind that succeeded is good although a new password is asked for.

    Returns:
        What the password policy says beside a success.

    Raises:
        InvalidCredentials: the result is one of the few that refuse the person.
        DirectoryUnavailable: it is any other.
    """
    if answer.code == RESULT_SUCCESS:
        policy = _policy_of_success(answer)
        if policy.error is PolicyError.CHANGE_AFTER_RESET and not allow_must_change:
            raise InvalidCredentials(Refusal.MUST_CHANGE, repeatable(answer.message))
        return policy
    if answer.code in _REFUSALS or (answer.code == RESULT_UNWILLING_TO_PERFORM and unwilling_refuses):
        raise _refusal(answer)
    what = "a person's bind"
    if answer.code == RESULT_UNWILLING_TO_PERFORM:
        what += " (were it about the person, as on 389-ds, NETID_LDAP_PROFILE would say so)"
    raise _unavailable(what, answer, _SETTINGS_AT_FAULT)


def judge_service_bind(answer: Answer) -> None:
    """Accept the bind of our own account; a refusal of it is never a person's fault, and quotes nobody.

    Raises:
        ServiceAccountRefused: the account or its password is wrong, or it may not log in.
        DirectoryUnavailable: nothing can be said.
    """
    if answer.code == RESULT_SUCCESS:
        return
    if answer.code in _ACCOUNT_AT_FAULT:
        raise ServiceAccountRefused(
            "the directory refuses our own account (NETID_LDAP_BIND_DN, NETID_LDAP_BIND_PASSWORD): "
            + _described(answer, answer.message),
            alarm=True,
        )
    raise _unavailable("the bind of our own account", answer, _SETTINGS_AT_FAULT, answer.message)


def judge_search(answer: Answer) -> None:
    """Accept a search that can be relied on to have found all there is (RFC 4511, section 4.5.2).

    Raises:
        InvalidCredentials: the server had more than we asked for: `ambiguous`.
        BaseMissing: the server does not have the base.
        DirectoryUnavailable: nothing can be said.
    """
    if answer.code == RESULT_SUCCESS:
        return
    if answer.code == RESULT_SIZE_LIMIT_EXCEEDED:
        raise InvalidCredentials(Refusal.AMBIGUOUS, repeatable(answer.message))
    failure = _unavailable("a search", answer, {**_SETTINGS_AT_FAULT, **_SEARCH_AT_FAULT})
    if answer.code == RESULT_NO_SUCH_OBJECT:
        raise BaseMissing(failure.cause, alarm=failure.alarm)
    raise failure


def judge_group_search(answer: Answer) -> None:
    """Accept a search that found all of a person's groups: some of them would be as wrong as none.

    Raises:
        DirectoryUnavailable: it did not.
    """
    if answer.code != RESULT_SUCCESS:
        raise _unavailable("a search for groups", answer, {**_SETTINGS_AT_FAULT, **_GROUPS_AT_FAULT})


def _policy_of_success(answer: Answer) -> PolicyResponse:
    try:
        return _policy(answer)
    except PolicyControlError as error:
        # It may have said that the password must be changed.
        raise DirectoryUnavailable(
            f"the directory sent a password policy control that cannot be read: {error}", alarm=True
        ) from error


def _policy(answer: Answer) -> PolicyResponse:
    value = answer.controls.get(password_policy.CONTROL)
    return password_policy.NOTHING_SAID if value is None else password_policy.decode(value)


def _refusal(answer: Answer) -> InvalidCredentials:
    """Find the reason of a refusal: in a text that we know, in the control, in a sub-code, in the code."""
    text, told = answer.message.lower(), repeatable(answer.message)
    for words, reason in BY_TEXT.items():
        # Before the control, by which 389-ds calls an inactivated account a locked one.
        if words in text:
            return InvalidCredentials(reason, told)
    try:
        policy_error = _policy(answer).error
    except PolicyControlError:
        policy_error = None
    if policy_error is not None and policy_error in _BY_POLICY:
        return InvalidCredentials(_BY_POLICY[policy_error], told)
    if sub_code := SUB_CODE.search(answer.message):
        reason, meaning = BY_SUB_CODE.get(sub_code[1].lower(), (Refusal.REFUSED, "refused"))
        kind = NoSuchEntry if reason is Refusal.UNKNOWN_PERSON else InvalidCredentials
        return kind(reason, f"{meaning} ({told})")
    kind = NoSuchEntry if answer.code == RESULT_NO_SUCH_OBJECT else InvalidCredentials
    return kind(_REFUSALS.get(answer.code, Refusal.REFUSED), told)


def _unavailable(what: str, answer: Answer, at_fault: _Causes, text: str = "") -> DirectoryUnavailable:
    described = _described(answer, text or repeatable(answer.message))
    if answer.code in at_fault:
        cause = f"the directory refuses {what}: {at_fault[answer.code]}: {described}"
        return DirectoryUnavailable(cause, alarm=True)
    return DirectoryUnavailable(f"the directory cannot answer {what}: {described}")


def _described(answer: Answer, text: str) -> str:
    return f"result {answer.code} {RESULT_CODES.get(answer.code, 'unknown')}" + (
        f", {text!r}" if text else ""
    )
