"""The device grant (RFC 8628, 3.4 and 3.5): a device polls until a person has answered in a browser.

Authlib's grant answers `invalid_request` for an unknown code, and reads the answer and issues the tokens in
two transactions, so two polls may both succeed. Here the transaction that stores the tokens uses up the code.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from login import InvalidCredentials, Person
from models import AlreadyUsed, Approval, DeviceCode
from oauth.clients.registration import DEVICE_CODE
from oauth.errors import (
    authorization_pending,
    device_code_expired,
    device_denied,
    invalid_device_code,
    invalid_scope,
    slow_down,
)
from oauth.grants.pipeline import Grant, Issued
from oauth.policy.approvals import gets_refresh_token
from oauth.policy.audience import narrow_audience
from oauth.policy.scope import without_lost
from oauth.tokens.handles import handle_key


class DeviceCodeGrant(Grant):
    """One poll of a device (section 3.4)."""

    GRANT_TYPE = DEVICE_CODE
    REQUIRED = ("device_code",)
    PARAMETERS = frozenset({"grant_type", "device_code"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": (GRANT_TYPE,)}

    def read_credential(self) -> None:
        """Find the device's request, which a person must have allowed (section 3.5).

        Raises:
            OAuth2Error: `authorization_pending`, `slow_down`, `access_denied` or `expired_token`;
                `invalid_grant` for a code that is unknown, used, or another client's.
            StoreUnavailable: the database cannot say.
        """
        key = handle_key(self.request.form["device_code"])
        code = self.server.stores.devices.find(key) if key else None
        if key is None or code is None:
            raise invalid_device_code()
        if code.client_id != self.oauth_client.get_client_id():
            self.server.audit.note_foreign_code(self.request, code.client_id)
            raise invalid_device_code()
        if code.used_at is not None:
            self._end_reused(code)
            raise invalid_device_code()
        if self.server.now() >= code.expires_at:
            raise device_code_expired()
        if code.is_denied or code.session_ended:
            raise device_denied()
        if code.approval is None:
            is_early = self.server.stores.devices.poll(key, self.server.now())
            raise slow_down() if is_early else authorization_pending()
        self._key: bytes = key
        self._approval: Approval = code.approval

    def resolve_scope(self) -> str:
        """The approved scope, without names that the client has lost since then (RFC 6749, 3.3).

        A poll has no `scope` (section 3.4).
        """
        kept = without_lost(self._approval.scope.split(), self.oauth_client.registered)
        if not kept:
            raise invalid_scope()
        return kept

    def resolve_audience(self) -> str | None:
        """The approved audience, or the requested part of it (RFC 8707, 2.2)."""
        return narrow_audience(
            self.request.resources, self._approval.audience, self.oauth_client.registered, self.server.issuer
        )

    def network_error(self, refusal: InvalidCredentials) -> Exception:
        """The error for an invalid code. Audit and log name the network as the reason."""
        self.server.audit.note_refresh(self.request, refusal, self._approval.subject)
        error: Exception = invalid_device_code()
        return error

    def find_person(self) -> Person | None:
        """None: the person signed in at the page, where the rules about people were applied."""
        return None

    def issue(self, person: Person | None) -> Issued:  # noqa: ARG002 - there is none here
        """Issue the tokens of the approval. Of several polls at once, one gets them.

        Raises:
            OAuth2Error: `invalid_grant`: another poll was faster; `access_denied`: the person's sign-in
                session has ended.
            ClientEnded: the client was disabled meanwhile.
            StoreUnavailable: nothing was stored; the code stays good.
        """
        refresh = gets_refresh_token(self.oauth_client.registered, self.request.granted_scope)
        redeem = self.server.stores.devices.redeem(self._key)
        try:
            issued = self.server.token_issuer.issue_approved(
                self.request, self.GRANT_TYPE, self._approval, redeem, refresh=refresh
            )
        except AlreadyUsed:
            code = self.server.stores.devices.find(self._key)
            raise (invalid_device_code() if code is None or code.used_at else device_denied()) from None
        return Issued(*issued)

    def _end_reused(self, code: DeviceCode) -> None:
        """End what a used code gave: the program that presents it again may have stolen it (RFC 6749, 4.1.2).

        Two polls that are no interval apart are one program's: a proxy may repeat a request, or a program ask
        twice. They end nothing.
        """
        if code.grant_id is None or self.server.now() - (code.used_at or 0) < code.interval:
            return
        subject = code.approval.subject if code.approval else None
        event = self.server.audit.event(
            "code.reused", self.request, subject=subject, grant_id=code.grant_id, reason="device_code_reused"
        )
        self.server.stores.grants.revoke_grant(code.grant_id, event)
        self.server.log.warning(event.event, **event.facts())
