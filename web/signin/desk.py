"""The parts that the pages of a sign-in share, and the facts of their requests for log and audit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

from flask import current_app, g
from flask.globals import request_ctx

from login import ActiveSession, Login, Person, Sessions
from models import ConsentStore, SignInSession
from oauth import Audit, Authorization
from oauth.policy.approvals import Approvals
from oauth.token_request import TokenRequest
from telemetry import AuditEvent, LogSampler
from web.signin.flows import Flows

_REQUEST: Final = "netid_sign_in_request"

Active: TypeAlias = ActiveSession[SignInSession]
"""A live session and its person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInDesk:
    """What the pages of a sign-in work with.

    Attributes:
        login: verifies passwords.
        sessions: begins, finds and ends sessions.
        flows: requests that wait for their user.
        consents: what users have allowed.
        authorization: reads and answers authorization requests.
        approvals: applies the rules about people.
        refuse_excluded: takes a person whose password is right, and raises InvalidCredentials if a rule of
            the whole server excludes them.
        wants_groups: whether these rules need the person's groups.
        audit: log and audit of refusals.
        issuer: the public base URL.
        scope_descriptions: the operator's words for scopes, by name.
        clock: seconds since the epoch.
        throttlings: which refusals by a limit are logged.
    """

    NAME: ClassVar[str] = "netid-sign-in"

    login: Login
    sessions: Sessions[SignInSession]
    flows: Flows
    consents: ConsentStore
    authorization: Authorization
    approvals: Approvals
    refuse_excluded: Callable[[Person], None]
    wants_groups: bool
    audit: Audit
    issuer: str
    scope_descriptions: Callable[[], Mapping[str, str]]
    clock: Callable[[], float]
    throttlings: LogSampler = field(default_factory=LogSampler)

    def now(self) -> int:
        """Seconds since the epoch."""
        return int(self.clock())


def current_desk() -> SignInDesk:
    """The desk of the current application."""
    desk: SignInDesk = current_app.extensions[SignInDesk.NAME]
    return desk


def current_facts() -> TokenRequest:
    """The current HTTP request with its facts for log and audit: address, id, duration."""
    facts: TokenRequest | None = g.get(_REQUEST)
    if facts is None:
        # The request itself: behind Flask's proxy each attribute would be looked up anew.
        facts = TokenRequest(request_ctx.request, issuer=current_desk().issuer)
        setattr(g, _REQUEST, facts)
    return facts


def current_event() -> AuditEvent:
    """An audit event with the facts of the current request, and no name yet."""
    return current_desk().audit.event("", current_facts())
