"""The flow of one authorization request as a state machine: which step comes next.

    request checked → signed in? → [second factor] → account usable? → consent? → answer

`next_step` looks at everything that is known, and names one step. The views carry it out, and ask again with
what they learned. Steps never call one another, so none can be skipped or reordered.

Owns: the order of the steps, and what `prompt`, `max_age` and hints mean (OpenID Connect Core 1.0, 3.1.2.1
and 3.1.2.6). Must not know: Flask, stores, the directory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from oauth.authorization.request import NO_PROMPT, PROMPT_ACCOUNT, PROMPT_CONSENT, PROMPT_LOGIN
from oauth.policy.scope import OFFLINE_ACCESS


class Why(Enum):
    """Why a user must sign in, for the words of the page."""

    NOBODY = auto()
    AGAIN = auto()
    PAGE = auto()
    OTHER_ACCOUNT = auto()


@dataclass(frozen=True, slots=True)
class SignIn:
    """The user must type name and password."""

    why: Why


@dataclass(frozen=True, slots=True)
class ChooseAccount:
    """The user must say with which account to go on."""


@dataclass(frozen=True, slots=True)
class NewPassword:
    """The directory verified the password, and wants a new one before it accepts the user."""


@dataclass(frozen=True, slots=True)
class AskConsent:
    """The user must allow or deny. `fresh` are the scopes that the user has not allowed before."""

    fresh: frozenset[str]


@dataclass(frozen=True, slots=True)
class Refuse:
    """The client gets an error (RFC 6749, 4.1.2.1; OpenID Connect Core 1.0, 3.1.2.6)."""

    error: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The client gets its code."""


Step = SignIn | ChooseAccount | NewPassword | AskConsent | Refuse | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowState:
    """What is known of a request at one moment.

    Attributes:
        now: seconds since the epoch, with fractions: a `max_age` of 1 would else last for nearly 2.
        prompt: the values that the client sent.
        max_age: seconds since the last sign-in that the client accepts.
        auth_time: when the user signed in; None if nobody is signed in.
        is_fresh: whether the user signed in after the request came.
        is_expected: whether this is the user whom the client expects by a hint. True without a hint.
        has_chosen: whether the user chose the signed-in account for this request.
        needs_new_password: whether the directory has just verified the password, and wants a new one.
        refusal: the error code, if a rule excludes the user from this client.
        wanted: the scopes that the user is asked for.
        consented: the scopes that the user has allowed this client before.
        is_first_party: whether the operator has consented for all users.
        has_allowed: whether the user has just allowed this request.
        has_denied: whether the user has just denied it.
    """

    now: float
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    auth_time: int | None = None
    is_fresh: bool = False
    is_expected: bool = True
    has_chosen: bool = False
    needs_new_password: bool = False
    refusal: str | None = None
    wanted: frozenset[str] = frozenset()
    consented: frozenset[str] = frozenset()
    is_first_party: bool = False
    has_allowed: bool = False
    has_denied: bool = False


def next_step(state: FlowState) -> Step:
    """Name the next step of a request.

    Args:
        state: everything that is known.
    """
    for check in _CHECKS:
        step = check(state)
        if step is not None:
            return _without_page(step) if NO_PROMPT in state.prompt else step
    return Answer()


def asks_for_consent(prompt: frozenset[str], wanted: frozenset[str], *, is_first_party: bool) -> bool:
    """Whether it matters what the user has allowed before; else the database need not be asked.

    Args:
        prompt: the values that the client sent.
        wanted: the scopes that the user is asked for.
        is_first_party: whether the operator has consented for all users.
    """
    return PROMPT_CONSENT in prompt or bool(_to_be_allowed(wanted, is_first_party=is_first_party))


def _signed_in(state: FlowState) -> Step | None:
    """Demand a sign-in, unless there is one that satisfies the client."""
    if state.needs_new_password:
        return None
    if state.auth_time is None:
        return SignIn(Why.NOBODY)
    if not state.is_fresh:
        if PROMPT_LOGIN in state.prompt or _is_too_old(state, state.auth_time):
            return SignIn(Why.AGAIN)
        if not state.is_expected:
            return SignIn(Why.OTHER_ACCOUNT)
        if PROMPT_ACCOUNT in state.prompt and not state.has_chosen:
            return ChooseAccount()
    # Someone else signed in than the client expects. Asking again would never end.
    return None if state.is_expected else Refuse("login_required")


def _has_second_factor(state: FlowState) -> Step | None:  # noqa: ARG001 - the place for one
    """Demand a second factor. There is none yet: a password is all that this server asks for."""
    return None


def _usable(state: FlowState) -> Step | None:
    """Stop a user who needs a new password, or whom a rule excludes from this client."""
    if state.needs_new_password:
        return NewPassword()
    return None if state.refusal is None else Refuse(state.refusal)


def _consented(state: FlowState) -> Step | None:
    """Ask for consent to what the user has not allowed before."""
    if state.has_denied:
        return Refuse("access_denied")
    if state.has_allowed:
        return None
    fresh = _to_be_allowed(state.wanted, is_first_party=state.is_first_party) - state.consented
    return AskConsent(fresh) if fresh or PROMPT_CONSENT in state.prompt else None


def _to_be_allowed(wanted: frozenset[str], *, is_first_party: bool) -> frozenset[str]:
    """The scopes that need the user's own consent, before now or now."""
    # The operator cannot consent for a user to a token that outlives the session.
    return wanted & {OFFLINE_ACCESS} if is_first_party else wanted


def _is_too_old(state: FlowState, auth_time: int) -> bool:
    """Whether the last sign-in is too long ago. A `max_age` of 0 means `prompt=login` (3.1.2.1)."""
    return state.max_age is not None and (state.max_age == 0 or state.now - auth_time > state.max_age)


def _without_page(step: Step) -> Step:
    """The error in place of a page, for a client that wants none (OpenID Connect Core 1.0, 3.1.2.6)."""
    if isinstance(step, (Refuse, Answer)):
        return step
    return Refuse(_ERRORS[type(step)])


_CHECKS: Final[Sequence[Callable[[FlowState], Step | None]]] = (
    _signed_in,
    _has_second_factor,
    _usable,
    _consented,
)
_ERRORS: Final = {
    SignIn: "login_required",
    ChooseAccount: "account_selection_required",
    NewPassword: "interaction_required",
    AskConsent: "consent_required",
}
