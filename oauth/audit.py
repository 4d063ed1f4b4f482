"""Log lines and audit rows of requests: issued tokens, ended grants, and every refusal.

Owns: which outcome is a refusal, and under what event name. For a login name without an account, the
audit keeps only a digest. Must not know: when and how rows are written.
"""

from collections.abc import Callable
from dataclasses import replace

from login import ClientThrottled, DirectoryUnavailable, InvalidCredentials, Names, Throttled
from models import AccessToken, RefreshToken, RefusalLedger, StoreUnavailable
from oauth.errors import InvalidClient, Trouble
from oauth.token_request import TokenRequest
from telemetry import REASON_LENGTH, AuditEvent, Log, family_of

REFUSED, THROTTLED, UNAVAILABLE = "grant.refused", "login.throttled", "directory.unavailable"
SIGN_IN_REFUSED = "sign_in.refused"
CLIENT_REFUSED, CLIENT_THROTTLED = "client.refused", "client.throttled"
TOKEN_REFUSED = "token.refused"  # noqa: S105 - an event's name
CODE_REFUSED = "code.refused"

_FOREIGN = "other_client"
# Another value of the parameter is any text that the client chose.
_GRANT_TYPES = frozenset(
    {
        "password",
        "refresh_token",
        "client_credentials",
        "authorization_code",
        "urn:ietf:params:oauth:grant-type:device_code",
    }
)


class Audit:
    """The audit of one server. Noting a refusal never raises and never waits: its row is written later."""

    def __init__(self, ledger: RefusalLedger, names: Names, log: Log, clock: Callable[[], float]) -> None:
        """Start an audit.

        Args:
            ledger: keeps refusals until they are written.
            names: digests of login names.
            log: the log for the operator.
            clock: seconds since the epoch.
        """
        self.log = log
        self._ledger = ledger
        self._names = names
        self._clock = clock

    def event(
        self,
        name: str,
        request: TokenRequest,
        *,
        subject: str | None = None,
        grant_id: bytes | None = None,
        scope: str | None = None,
        reason: str | None = None,
    ) -> AuditEvent:
        """An audit event about a request, as of now. It is neither logged nor stored yet.

        An event of a token request has its grant type, and the family of the client program.

        Args:
            name: dotted, such as `token.issued`.
            request: the client's.
            subject: the person's stable id, if the event is about a person.
            grant_id: the grant's key.
            scope: what was granted.
            reason: why something ended.
        """
        asked = request.parameters.get("grant_type")
        grant_type = asked if asked in _GRANT_TYPES else None
        return AuditEvent(
            event=name,
            at=int(self._clock()),
            request_id=request.request_id,
            client_id=request.client.get_client_id() if request.client else None,
            subject=subject,
            grant_id=grant_id.hex() if grant_id else None,
            address=request.address,
            scope=scope,
            reason=reason,
            duration_ms=request.elapsed_ms(),
            grant_type=grant_type,
            user_agent=family_of(request.user_agent) if grant_type else None,
            app_password_id=request.app_password_id.hex() if request.app_password_id else None,
        )

    def note(
        self,
        request: TokenRequest,
        trouble: Trouble,
        *,
        subject: str | None = None,
        hint: str | None = None,
        refused: str = REFUSED,
    ) -> AuditEvent:
        """Note an outcome that kept a request from its token, or a user from a session.

        Database trouble is only described: no row can be written.

        Args:
            request: the client's.
            trouble: the outcome, as it was raised.
            subject: the person's stable id, where it was known before.
            hint: the mistake of the client program that the request showed.
            refused: the name of the event, if the directory or a rule refused.

        Returns:
            The event, for the log.
        """
        event, reason, digest = refused, "client_ended", None
        if isinstance(trouble, ClientThrottled):
            return self._note_client(request, CLIENT_THROTTLED, trouble.cause.value, trouble.client_id)
        if isinstance(trouble, InvalidCredentials):
            reason, subject = trouble.reason.value, subject or trouble.person_id
            digest = None if subject else self._digest(request)
        elif isinstance(trouble, Throttled):
            event, reason, digest = THROTTLED, trouble.cause.value, self._digest(request)
        elif isinstance(trouble, DirectoryUnavailable):
            event, reason = UNAVAILABLE, "alarm" if trouble.alarm else "unavailable"
        noted = replace(self._refusal(request, event, reason), subject=subject, name_digest=digest, hint=hint)
        if not isinstance(trouble, StoreUnavailable):
            self._ledger.note(noted)
        return noted

    def note_client(self, request: TokenRequest, error: InvalidClient) -> AuditEvent:
        """Note a client that failed to authenticate. Only the id of a registered client is kept.

        Args:
            request: the client's.
            error: as it was raised.

        Returns:
            The event, for the log.
        """
        return self._note_client(request, CLIENT_REFUSED, error.cause, error.client_id)

    def note_foreign(self, request: TokenRequest, stored: AccessToken | RefreshToken) -> None:
        """Log and note that a client presented a token issued to another client: it may be stolen.

        Args:
            request: of the client that presented the token.
            stored: the token; its client is the second part of the reason.
        """
        reason = f"{_FOREIGN}: {stored.client_id}"[:REASON_LENGTH]
        event = self._refusal(request, TOKEN_REFUSED, reason)
        self._warn(replace(event, subject=stored.subject, grant_id=stored.grant_id.hex()))

    def note_foreign_code(self, request: TokenRequest, client_id: str) -> None:
        """Log and note that a client presented a code issued to another client: it may be stolen.

        Args:
            request: of the client that presented the code.
            client_id: the client that the code was issued to.
        """
        reason = f"{_FOREIGN}: {client_id}"[:REASON_LENGTH]
        self._warn(self._refusal(request, CODE_REFUSED, reason))

    def note_scope(self, request: TokenRequest, subject: str) -> None:
        """Log and note that scope rules leave a person nothing of the requested scope.

        Args:
            request: with its scope as it was before the rules.
            subject: the person's stable id.
        """
        self._warn(replace(self._refusal(request, REFUSED, "scope"), subject=subject))

    def note_closed(self, request: TokenRequest, reason: str, token: RefreshToken | None = None) -> None:
        """Note that the operator's policy refuses a password grant, or a refresh of its tokens.

        The caller's error is logged as every refused request is, so no line is logged here.

        Args:
            request: the client's.
            reason: which rule of the policy refuses it.
            token: the presented refresh token, if there is one.
        """
        event = self._refusal(request, REFUSED, reason)
        if token is not None:
            event = replace(event, subject=token.subject, grant_id=token.grant_id.hex())
        self._ledger.note(event)

    def note_refresh(self, request: TokenRequest, refusal: InvalidCredentials, subject: str | None) -> None:
        """Log and note that a refresh is refused because of its person or the client's network.

        Args:
            request: the client's.
            refusal: as it was raised.
            subject: the person's stable id.
        """
        noted = self.note(request, refusal, subject=subject)
        why = {"reason": noted.reason, "subject": noted.subject, "detail": refusal.detail}
        self.log.warning(noted.event, **why, **request.facts())

    def write_due(self) -> None:
        """Write the refusals that have waited long enough."""
        self._ledger.write_due()

    def _warn(self, event: AuditEvent) -> None:
        self._ledger.note(event)
        self.log.warning(event.event, **event.facts())

    def _note_client(
        self, request: TokenRequest, event: str, reason: str, client_id: str | None
    ) -> AuditEvent:
        noted = replace(self._refusal(request, event, reason), client_id=client_id)
        self._ledger.note(noted)
        return noted

    def _refusal(self, request: TokenRequest, event: str, reason: str) -> AuditEvent:
        return self.event(event, request, scope=request.granted_scope or None, reason=reason)

    def _digest(self, request: TokenRequest) -> str | None:
        typed = request.form.get("username")
        return None if typed is None else self._names.digest(typed).hex()
