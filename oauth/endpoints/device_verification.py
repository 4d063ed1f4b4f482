"""What the page `/device` does with a typed code (RFC 8628, 3.3): find its request, then allow or deny it.

Owns: the limit on wrong codes (section 5.1), and the audit events of decisions. Must not know: the page, and
how its user signed in.
"""

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from authlib.oauth2 import OAuth2Error

from login import InvalidCredentials, Person, network_of
from models import Client, DeviceCode, SignInSession
from oauth.clients.authentication import OAuthClient
from oauth.clients.registration import DEVICE_CODE
from oauth.policy.approvals import PlainRequest
from oauth.token_request import TokenRequest
from oauth.tokens.device_codes import read_user_code, shown_user_code
from telemetry import AuditEvent

if TYPE_CHECKING:
    from oauth.server import Server

GUESS_SECONDS = 15 * 60
GUESSES_PER_SESSION = 10
# Users of one campus share addresses.
GUESSES_PER_ADDRESS = 100


class DeviceUser(NamedTuple):
    """The signed-in user who answers for a device: session, person, and the facts for log and audit."""

    session: SignInSession
    person: Person
    facts: TokenRequest


class DeviceState(Enum):
    """What became of a device's request."""

    PENDING = "pending"
    ALLOWED = "allowed"
    DENIED = "denied"
    EXPIRED = "expired"


class TypedCode(NamedTuple):
    """A code that was found: as people see it, with its request, its client, and what became of it."""

    user_code: str
    digest: bytes
    device: DeviceCode
    client: Client
    state: DeviceState


class UnknownUserCode(Exception):
    """No device's request has the code, or its client may no longer use the grant."""


class TooManyGuesses(Exception):
    """Too many codes were wrong, so this one was not looked at. `retry_after` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class NotPermitted(Exception):
    """The rules about people or scopes leave the user nothing that the client may have."""


class DeviceVerification:
    """The codes that users type, and their decisions."""

    def __init__(self, server: "Server") -> None:
        """Take the server, which has the codes and the rules."""
        self._server = server
        self._approvals = server.approvals

    def find(self, typed: str, user: DeviceUser) -> TypedCode:
        """The request that a typed code belongs to, also if it was decided or has expired.

        Text that cannot be a code is not counted as a guess: it says nothing about any code.

        Args:
            typed: as the user typed it.
            user: who typed it.

        Raises:
            UnknownUserCode: there is none.
            TooManyGuesses: too many codes of this session or this network were wrong.
            StoreUnavailable: the database cannot say.
        """
        code = read_user_code(typed)
        if code is None:
            raise UnknownUserCode
        guess = self._begin_guess(user)
        stores = self._server.stores
        for digest in self._server.user_codes.digests(code):
            device = stores.devices.find_by_user_code(digest)
            if device is None:
                continue
            stores.devices.forget_guess(guess)
            client = stores.clients.get(device.client_id)
            if client is None or not _may_use_grant(client):
                raise UnknownUserCode
            user.facts.client = OAuthClient(client)
            return TypedCode(shown_user_code(code), digest, device, client, self._state(device))
        raise UnknownUserCode

    def wants_groups(self, found: TypedCode) -> bool:
        """Whether the rules need the person's groups.

        Args:
            found: as `find` returned it.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        return self._approvals.wants_groups(found.client, found.device.scope)

    def permitted(self, found: TypedCode, user: DeviceUser) -> str:
        """The part of the requested scope that the user may allow.

        Args:
            found: as `find` returned it.
            user: with the person's groups, if `wants_groups` is true.

        Raises:
            NotPermitted: nothing; log and audit have the reason.
            StoreUnavailable: the database cannot say.
        """
        facts, audit = user.facts, self._server.audit
        facts.granted_scope = found.device.scope
        try:
            return self._approvals.permitted(found.client, user.person, found.device.scope)
        except InvalidCredentials as refusal:
            audit.note_refresh(facts, refusal, user.person.id)
        except OAuth2Error:
            audit.note_scope(facts, user.person.id)
        raise NotPermitted

    def allow(self, found: TypedCode, user: DeviceUser, scope: str) -> bool:
        """Allow the request: the device gets its tokens at its next poll.

        Args:
            found: as `find` returned it.
            user: who allows it.
            scope: as `permitted` returned it.

        Returns:
            False if it was decided before, or has expired.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        request = PlainRequest(audience=found.device.audience)
        approval = self._approvals.approval_of(found.client, user.person, user.session, request, scope)
        event = self._event("device.allowed", found, user, approval.scope)
        return self._noted(event, is_stored=self._server.stores.devices.allow(found.digest, approval, event))

    def deny(self, found: TypedCode, user: DeviceUser) -> bool:
        """Deny the request: the device gets `access_denied` at its next poll.

        Args:
            found: as `find` returned it.
            user: who denies it.

        Returns:
            False if it was decided before, or has expired.

        Raises:
            StoreUnavailable: nothing was stored.
        """
        event = self._event("device.denied", found, user, found.device.scope)
        return self._noted(event, is_stored=self._server.stores.devices.deny(found.digest, event))

    def _begin_guess(self, user: DeviceUser) -> int:
        """Record a guess before its code is looked up: of many at once, no more than the limit are.

        Raises:
            TooManyGuesses: the limit is reached; this guess is not recorded.
            StoreUnavailable: the database cannot say.
        """
        network, now = network_of(user.facts.address), self._server.now()
        devices = self._server.stores.devices
        guess = devices.record_guess(user.session.id, network, now)
        guesses = devices.count_guesses(user.session.id, network, now - GUESS_SECONDS)
        is_session = guesses.of_session > GUESSES_PER_SESSION
        if is_session or guesses.of_address > GUESSES_PER_ADDRESS:
            devices.forget_guess(guess)
            reason = "session" if is_session else "address"
            facts = user.facts.facts()
            self._server.log.warning("device.throttled", reason=reason, subject=user.person.id, **facts)
            raise TooManyGuesses(GUESS_SECONDS)
        return guess

    def _state(self, device: DeviceCode) -> DeviceState:
        if device.is_pending(self._server.now()):
            return DeviceState.PENDING
        if device.decided_at is None:
            return DeviceState.EXPIRED
        return DeviceState.DENIED if device.is_denied else DeviceState.ALLOWED

    def _event(self, name: str, found: TypedCode, user: DeviceUser, scope: str) -> AuditEvent:
        # An operator sees at once whether device and browser were in different places.
        reason = f"device at {found.device.address}"
        return self._server.audit.event(name, user.facts, subject=user.person.id, scope=scope, reason=reason)

    def _noted(self, event: AuditEvent, *, is_stored: bool) -> bool:
        if is_stored:
            self._server.log.info(event.event, **event.facts())
        return is_stored


def _may_use_grant(client: Client) -> bool:
    return client.disabled_at is None and DEVICE_CODE in client.grant_types
