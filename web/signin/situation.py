"""What is known of an authorization request at this moment, as the state machine wants it."""

from dataclasses import dataclass
from functools import partial

from authlib.oauth2 import OAuth2Error

from login import InvalidCredentials
from oauth import AuthorizationRequest
from oauth.clients.sign_in_rules import FIRST_PARTY
from web.signin.authflow import FlowState, asks_for_consent
from web.signin.desk import Active, SignInDesk, current_facts
from web.signin.flows import Flow
from web.signin.session_cookie import current_session, may_have_session

EXCLUDED = "access_denied"
"""The error code for a client whose user a rule excludes (RFC 6749, 4.1.2.1)."""


@dataclass(frozen=True, slots=True)
class Situation:
    """A request, its user, and what follows for the state machine.

    `scope` is what the user may allow: the rules are applied.
    """

    request: AuthorizationRequest
    flow: Flow | None
    state: FlowState
    active: Active | None = None
    scope: str = ""

    @property
    def consent_scope(self) -> str:
        """The scopes that consent is asked for, and remembered for."""
        return " ".join(sorted(self.state.wanted))


def situation_of(desk: SignInDesk, request: AuthorizationRequest, flow: Flow | None = None) -> Situation:
    """Find out what is known of a request now.

    Args:
        desk: the parts.
        request: as it was checked in this HTTP request.
        flow: where it waits, unless it came just now.

    Raises:
        DirectoryUnavailable: the directory cannot say whether the user may still sign in.
        StoreUnavailable: the database cannot say.
    """
    is_first_party = bool(request.client.flags.get(FIRST_PARTY)) and request.identifies_client
    state = partial(
        FlowState,
        now=desk.clock(),
        prompt=request.prompt,
        max_age=request.max_age,
        is_first_party=is_first_party,
        has_chosen=flow is not None and flow.has_chosen,
    )
    active = current_session(groups=may_have_session() and wants_groups(desk, request))
    if active is None:
        return Situation(request, flow, state())
    auth_time = active.stored.auth_time
    sub = desk.approvals.sub_of(request.client, active.person)
    state = partial(
        state,
        auth_time=auth_time,
        is_fresh=flow is not None and flow.is_fresh(active.cookie_digest, auth_time),
        is_expected=request.hinted_sub in {None, sub},
    )
    scope, refusal = _permitted(desk, request, active)
    if refusal is not None:
        return Situation(request, flow, state(refusal=refusal), active)
    singly = frozenset(request.consent_scope.split()) - frozenset(request.scope.split())
    wanted = singly.union(scope.split())
    is_asked = asks_for_consent(request.prompt, wanted, is_first_party=is_first_party)
    consented = _consented(desk, request, active) if is_asked else frozenset()
    return Situation(request, flow, state(wanted=wanted, consented=consented), active, scope)


def wants_groups(desk: SignInDesk, request: AuthorizationRequest) -> bool:
    """Whether a rule or a claim needs the groups of the user who signs in for a request.

    Args:
        desk: the parts.
        request: as it was checked.
    """
    return desk.wants_groups or desk.approvals.wants_groups(request.client, request.scope, request.claims)


def _consented(desk: SignInDesk, request: AuthorizationRequest, active: Active) -> frozenset[str]:
    """The scopes that the user has allowed the client before."""
    # Where any program can pose as the client, only consent to this request counts.
    if not request.identifies_client:
        return frozenset()
    consent = desk.consents.find(active.person.id, request.client.client_id)
    return frozenset(consent.scope.split() if consent else ())


def _permitted(desk: SignInDesk, request: AuthorizationRequest, active: Active) -> tuple[str, str | None]:
    """What the user may allow of the requested scope; or the error, if a rule leaves nothing."""
    try:
        return desk.approvals.permitted(request.client, active.person, request.scope), None
    except OAuth2Error as error:
        return "", str(error.error)
    except InvalidCredentials as refusal:
        facts = current_facts()
        noted = desk.audit.note(facts, refusal)
        details = {"reason": noted.reason, "subject": noted.subject, "detail": refusal.detail}
        desk.audit.log.warning(noted.event, **details, **facts.facts())
        return "", EXCLUDED
