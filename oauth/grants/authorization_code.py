"""The authorization code grant (RFC 6749, 4.1): the check of a request, and the exchange of its code.

Authlib finds the grant of a request and runs its hooks. Authlib's own grant is not used: its errors repeat
what was sent, and it deletes a code after the tokens are stored, so two requests may get tokens for one code.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

from authlib.oauth2.rfc6749.grants import AuthorizationEndpointMixin

from login import InvalidCredentials, Person
from models import AlreadyUsed, Approval, AuthorizationCode
from oauth.authorization import checks
from oauth.authorization.reading import HINTED_SUB, PUSHED, Given
from oauth.authorization.request import NO_PROMPT, RESPONSE_MODES, AuthorizationRequest
from oauth.clients.registration import REQUIRE_PAR
from oauth.clients.sign_in_rules import PKCE_OPTIONAL
from oauth.errors import (
    acr_not_met,
    invalid_code,
    invalid_scope,
    login_required,
    malformed,
    missing,
    other_redirect_uri,
    unauthorized_client,
)
from oauth.grants.pipeline import Grant, Issued
from oauth.policy.acr import ACR_VALUES
from oauth.policy.approvals import gets_refresh_token
from oauth.policy.audience import narrow_audience, resolve_audience
from oauth.policy.claims_request import parse_claims
from oauth.policy.scope import OPENID, without_lost
from oauth.token_request import TokenRequest
from oauth.tokens.handles import handle_key
from oauth.tokens.id_token_hint import SignerForgotten, verify_hint

CODE = "code"


class AuthorizationCodeGrant(Grant, AuthorizationEndpointMixin):
    """The check of an authorization request, and the exchange of its code."""

    GRANT_TYPE = "authorization_code"
    RESPONSE_TYPES: ClassVar[frozenset[str]] = frozenset({CODE})
    REQUIRED = (CODE,)
    PARAMETERS = frozenset({"grant_type", CODE, "redirect_uri", "code_verifier"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {
        "grant_types_supported": (GRANT_TYPE,),
        "response_types_supported": (CODE,),
        "response_modes_supported": RESPONSE_MODES,
    }

    given: Given
    """The parameters of the authorization request."""
    redirect_uri: str
    """Its redirect URI, which is proven."""
    checked: AuthorizationRequest
    """The request, once every parameter is checked."""
    _key: bytes
    _approval: Approval | None = None

    @classmethod
    def check_authorization_endpoint(cls, request: TokenRequest) -> bool:
        """Whether the request is for a code. Authlib would also accept the name with blanks around it."""
        return request.parameters.get("response_type") in cls.RESPONSE_TYPES

    def read_credential(self) -> None:
        """Find the code, which must be the client's, unused, and bound to the redirect URI (4.1.3).

        The extension compares the verifier afterwards: a wrong one does not use up the code.

        Raises:
            OAuth2Error: `invalid_grant`. A code that was used before ends what it gave (4.1.2).
            StoreUnavailable: the database cannot say.
        """
        key = handle_key(self.request.form[CODE])
        code = self.server.stores.codes.find(key) if key else None
        if key is None or code is None:
            raise invalid_code()
        if code.client_id != self.oauth_client.get_client_id():
            self.server.audit.note_foreign_code(self.request, code.client_id)
            raise invalid_code()
        if code.used_at is not None:
            self._end_reused(code)
            raise invalid_code()
        if self.server.now() >= code.expires_at or code.session_ended:
            raise invalid_code()
        if not self._is_bound_to(code.redirect_uri):
            raise other_redirect_uri()
        self._key, self._approval = key, code.approval
        self.request.authorization_code = code

    def resolve_scope(self) -> str:
        """At the token endpoint the approved scope, without names that the client has lost (3.3).

        At the authorization endpoint what the client may have of the requested scope.
        """
        if self._approval is None:
            return super().resolve_scope()
        kept = without_lost(self._approval.scope.split(), self.oauth_client.registered)
        if not kept:
            raise invalid_scope()
        return kept

    def resolve_audience(self) -> str | None:
        """The approved audience, or the requested part of it (RFC 8707, 2.2)."""
        if self._approval is None:
            return resolve_audience(self.given.resources, self.oauth_client.registered, self.server.issuer)
        return narrow_audience(
            self.request.resources, self._approval.audience, self.oauth_client.registered, self.server.issuer
        )

    def network_error(self, refusal: InvalidCredentials) -> Exception:
        """The error for an invalid code. Audit and log name the network as the reason."""
        approval = self._approval
        self.server.audit.note_refresh(self.request, refusal, approval.subject if approval else None)
        error: Exception = invalid_code()
        return error

    def find_person(self) -> None:
        """There is no person to find: the user signed in at the page, where the rules were applied."""

    def issue(self, person: Person | None) -> Issued:  # noqa: ARG002 - there is none
        """Issue what the user approved. Of several requests with one code, one gets tokens.

        Raises:
            OAuth2Error: `invalid_grant`: another request was faster, which ends what it got; or the user's
                session has ended.
            ClientEnded: the client was disabled meanwhile.
            StoreUnavailable: nothing was stored; the code stays good.
        """
        approval, scope = cast("Approval", self._approval), self.request.granted_scope
        codes = self.server.stores.codes
        try:
            issued = self.server.token_issuer.issue_approved(
                self.request,
                self.GRANT_TYPE,
                approval,
                codes.redeem(self._key),
                refresh=gets_refresh_token(self.oauth_client.registered, scope),
            )
        except AlreadyUsed:
            code = codes.find(self._key)
            if code is not None and code.used_at is not None:
                self._end_reused(code)
            raise invalid_code() from None
        return Issued(*issued)

    def _is_bound_to(self, redirect_uri: str | None) -> bool:
        """Whether the token request repeats the redirect URI of the authorization request (4.1.3).

        If that named none, the answer went to the only registered one, and the token request may name it.
        """
        sent: str | None = self.request.form.get("redirect_uri")
        if redirect_uri is None:
            return sent is None or sent == self.oauth_client.get_default_redirect_uri()
        return sent == redirect_uri

    def _end_reused(self, code: AuthorizationCode) -> None:
        """End what a used code gave: one of the two that had it is a thief (4.1.2)."""
        if code.grant_id is None:
            return
        event = self.server.audit.event(
            "code.reused",
            self.request,
            subject=code.approval.subject,
            grant_id=code.grant_id,
            scope=code.approval.scope,
            reason="code_reused",
        )
        self.server.stores.grants.revoke_grant(code.grant_id, event)
        self.server.log.warning(event.event, **event.facts())

    def validate_authorization_request(self) -> str:
        """Check every parameter beside client and redirect URI, which the endpoint has proven (4.1.1).

        Returns:
            The redirect URI, as Authlib asks for it.

        Raises:
            OAuth2Error: as RFC 6749, 4.1.2.1, RFC 8707, 2 and OpenID Connect Core 1.0, 3.1.2.6 name it.
            StoreUnavailable: the database cannot say.
        """
        given, client = self.given, self.oauth_client.registered
        if not self.oauth_client.check_grant_type(self.GRANT_TYPE):
            raise unauthorized_client()
        if client.flags.get(REQUIRE_PAR) and PUSHED not in given.once:
            raise malformed("This client must push its authorization requests.")
        self.request.granted_scope = self.resolve_scope()
        self.execute_hook("after_validate_authorization_request_payload", self.redirect_uri)
        if self.is_openid and "redirect_uri" not in given.once:
            raise missing("redirect_uri")
        self.checked = self._build_request()
        return self.redirect_uri

    @property
    def is_openid(self) -> bool:
        """Whether the granted scope has `openid`."""
        return OPENID in self.request.granted_scope.split()

    def may_omit_challenge(self) -> bool:
        """Whether the client may do without PKCE: only confidential clients of OpenID Connect may."""
        client = self.oauth_client.registered
        return bool(client.flags.get(PKCE_OPTIONAL)) and not client.is_public and self.is_openid

    def _build_request(self) -> AuthorizationRequest:
        given, client = self.given, self.oauth_client.registered
        sent = given.once
        claims = parse_claims(sent.get("claims"))
        if not claims.is_met_by(ACR_VALUES):
            raise acr_not_met()
        hinted_sub = self._hinted_sub(claims.sub)
        stored = given.stored()
        stored.pop("id_token_hint", None)
        if hinted_sub is not None:
            stored[HINTED_SUB] = hinted_sub
        return AuthorizationRequest(
            client=client,
            parameters=stored,
            redirect_uri=self.redirect_uri,
            scope=self.request.granted_scope,
            audience=self.resolve_audience(),
            response_mode=checks.response_mode(sent.get("response_mode"), self.redirect_uri),
            state=sent.get("state"),
            nonce=sent.get("nonce"),
            prompt=checks.prompt(sent.get("prompt")),
            max_age=checks.max_age(sent.get("max_age")),
            ui_locales=tuple(sent.get("ui_locales", "").split()),
            login_hint=sent.get("login_hint"),
            hinted_sub=hinted_sub,
            acr_values=tuple(sent.get("acr_values", "").split()),
            claims=claims,
            code_challenge=sent.get("code_challenge"),
        )

    def _hinted_sub(self, claimed_sub: str | None) -> str | None:
        """The user whom the client wants.

        Args:
            claimed_sub: the `sub` that the parameter `claims` demands (OpenID Connect Core 1.0, 5.5.1).

        Raises:
            OAuth2Error: as `_sub_of_hint`; or `invalid_request`: the client wants two users.
        """
        hinted_sub = self._sub_of_hint()
        if hinted_sub is not None and claimed_sub is not None and hinted_sub != claimed_sub:
            raise malformed("The id_token_hint and the claims are about two users.")
        return hinted_sub or claimed_sub

    def _sub_of_hint(self) -> str | None:
        """The user whom the client hints at.

        A hint whose key is gone is left out: programs keep ID tokens for longer than we keep keys. Without a
        page the right user is then not known to be signed in.

        Raises:
            OAuth2Error: `invalid_request`: the hint is no ID token that this server gave to the client.
                `login_required`: the server cannot tell which user the hint names, and may show no page.
        """
        hint = self.given.once.get("id_token_hint")
        if hint is None:
            return self.given.once.get(HINTED_SUB)
        try:
            read = verify_hint(hint, self.server.token_issuer.keys, self.server.issuer)
        except SignerForgotten:
            if NO_PROMPT in self.given.once.get("prompt", "").split():
                raise login_required() from None
            return None
        if read is None or read.client_id != self.oauth_client.get_client_id():
            raise malformed("The id_token_hint is not an ID token that this client got from this server.")
        return read.sub
