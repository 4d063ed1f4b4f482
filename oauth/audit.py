"""What the audit keeps of refusals: why, whose, and of a name that nobody has a digest alone.

Owns: which trouble is a refusal, and under what name. Must not know: when and how rows are written.
"""

from collections.abc import Callable
from dataclasses import replace

from login import ClientThrottled, DirectoryUnavailable, InvalidCredentials, Names, Throttled
from models import AccessToken, RefreshToken, RefusalLedger, StoreUnavailable
from oauth.errors import InvalidClient, Trouble
from oauth.token_request import TokenRequest
from telemetry import AuditEvent

REFUSED, THROTTLED, UNAVAILABLE = "grant.refused", "login.throttled", "directory.unavailable"
CLIENT_REFUSED, CLIENT_THROTTLED = "client.refused", "client.throttled"
TOKEN_REFUSED = "token.refused"  # noqa: S105 - an event's name

_FOREIGN = "other_client"
_REASON_LENGTH = 64


class Refusals:
    """The refusals of one server. What is noted is best effort: it never raises, and never holds up."""

    def __init__(self, ledger: RefusalLedger, names: Names, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._names = names
        self._clock = clock

    def note(
        self,
        request: TokenRequest,
        trouble: Trouble,
        *,
        subject: str | None = None,
        hint: str | None = None,
    ) -> AuditEvent:
        """Note trouble that kept a request from its token; trouble of the database cannot be.

        Args:
            request: the client's.
            trouble: as it was raised.
            subject: the person's stable id, where it was known before.
            hint: what the request showed to be wrong with its program.

        Returns:
            The event, for the log.
        """
        event, reason, digest = REFUSED, "client_ended", None
        if isinstance(trouble, ClientThrottled):
            return self._note_client(request, CLIENT_THROTTLED, trouble.cause.value, trouble.client_id)
        if isinstance(trouble, InvalidCredentials):
            reason, subject = trouble.reason.value, subject or trouble.person_id
            digest = None if subject else self._digest(request)
        elif isinstance(trouble, Throttled):
            event, reason, digest = THROTTLED, trouble.cause.value, self._digest(request)
        elif isinstance(trouble, DirectoryUnavailable):
            event, reason = UNAVAILABLE, "alarm" if trouble.alarm else "unavailable"
        noted = replace(self._event(request, event, reason), subject=subject, name_digest=digest, hint=hint)
        if not isinstance(trouble, StoreUnavailable):
            self._ledger.note(noted)
        return noted

    def note_client(self, request: TokenRequest, error: InvalidClient) -> AuditEvent:
        """Note a client that failed to authenticate: by its id if it is registered, else by none.

        Args:
            request: the client's.
            error: as it was raised.

        Returns:
            The event, for the log.
        """
        return self._note_client(request, CLIENT_REFUSED, error.cause, error.client_id)

    def note_foreign(self, request: TokenRequest, stored: AccessToken | RefreshToken) -> AuditEvent:
        """Note that a client presented a token that was issued to another one: it may be stolen.

        Args:
            request: of the client that presented it.
            stored: the token, whose client is the reason's second part.

        Returns:
            The event, for the log.
        """
        reason = f"{_FOREIGN}: {stored.client_id}"[:_REASON_LENGTH]
        event = self._event(request, TOKEN_REFUSED, reason)
        noted = replace(event, subject=stored.subject, grant_id=stored.grant_id.hex())
        self._ledger.note(noted)
        return noted

    def note_scope(self, request: TokenRequest, subject: str) -> AuditEvent:
        """Note that rules leave a person nothing of the scope of a request.

        Args:
            request: with its scope as it was before the rules.
            subject: the person's stable id.

        Returns:
            The event, for the log.
        """
        noted = replace(self._event(request, REFUSED, "scope"), subject=subject)
        self._ledger.note(noted)
        return noted

    def write_due(self) -> None:
        """Write what waits, where it has waited long enough."""
        self._ledger.write_due()

    def _note_client(
        self, request: TokenRequest, event: str, reason: str, client_id: str | None
    ) -> AuditEvent:
        noted = replace(self._event(request, event, reason), client_id=client_id)
        self._ledger.note(noted)
        return noted

    def _event(self, request: TokenRequest, event: str, reason: str) -> AuditEvent:
        return AuditEvent(
            event=event,
            at=int(self._clock()),
            request_id=request.request_id,
            client_id=request.client.get_client_id() if request.client else None,
            address=request.address,
            scope=request.granted_scope or None,
            reason=reason,
            duration_ms=request.elapsed_ms(),
        )

    def _digest(self, request: TokenRequest) -> str | None:
        typed = request.form.get("username")
        return None if typed is None else self._names.digest(typed).hex()
