"""The authorization code grant (RFC 6749, 4.1) with PKCE (RFC 7636): the check of a request.

Authlib finds the grant of a request and runs its hooks. Authlib's own grant is not used: its errors repeat
what was sent, and it deletes a code after the tokens are stored, so two requests may get tokens for one code.
"""

import re
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import ClassVar

from authlib.oauth2.rfc6749.grants import AuthorizationEndpointMixin
from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge

from oauth.authorization import checks
from oauth.authorization.reading import HINTED_SUB, PUSHED, Given
from oauth.authorization.request import RESPONSE_MODES, AuthorizationRequest
from oauth.clients.registration import REQUIRE_PAR
from oauth.clients.sign_in_rules import PKCE_OPTIONAL
from oauth.errors import acr_not_met, invalid_code, malformed, missing, unauthorized_client, wrong_verifier
from oauth.grants.pipeline import Grant
from oauth.policy.acr import ACR_VALUES
from oauth.policy.audience import resolve_audience
from oauth.policy.claims_request import parse_claims
from oauth.policy.scope import OPENID
from oauth.token_request import TokenRequest
from oauth.tokens.id_token_hint import read_hint

CODE = "code"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class S256Challenge(CodeChallenge):
    """PKCE with S256 alone (RFC 7636; RFC 9700, 2.1.1).

    Authlib demands a challenge of public clients only, and only when the code is exchanged. It takes a
    challenge without a method for `plain`, accepts a line break after a challenge or a verifier, and compares
    in a time that depends on the texts. So both checks are our own.
    """

    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"code_challenge_methods_supported": ("S256",)}
    PARAMETERS = frozenset({"code_verifier"})

    def validate_code_challenge(self, grant: "AuthorizationCodeGrant", redirect_uri: str) -> None:  # noqa: ARG002
        """Check the challenge (RFC 7636, 4.3 and 4.4.1).

        Raises:
            OAuth2Error: `invalid_request`: it is missing and the client must send one, or it is not S256.
        """
        given = grant.given.once
        challenge, method = given.get("code_challenge"), given.get("code_challenge_method")
        if challenge is None and method is None and grant.may_omit_challenge():
            return
        if challenge is None:
            raise missing("code_challenge")
        if method != "S256":
            raise malformed("The code_challenge_method must be S256.")
        if not _CHALLENGE.fullmatch(challenge):
            raise malformed("The code_challenge must be 43 characters of base64url.")

    def validate_code_verifier(self, grant: "AuthorizationCodeGrant", result: object) -> None:  # noqa: ARG002
        """Compare the verifier with the challenge of the code (RFC 7636, 4.6; RFC 9700, 4.8.2).

        Raises:
            OAuth2Error: `invalid_request`: one is there without the other, or the verifier is malformed.
                `invalid_grant`: they do not match.
        """
        challenge: str | None = grant.request.authorization_code.code_challenge
        verifier = grant.request.form.get("code_verifier")
        if challenge is None and verifier is None:
            return
        if challenge is None:
            raise malformed("The authorization request had no code_challenge.")
        if verifier is None:
            raise missing("code_verifier")
        if not _VERIFIER.fullmatch(verifier):
            raise malformed("The code_verifier must be 43 to 128 unreserved characters.")
        if not compare_digest(create_s256_code_challenge(verifier), challenge):
            raise wrong_verifier()


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

    @classmethod
    def check_authorization_endpoint(cls, request: TokenRequest) -> bool:
        """Whether the request is for a code. Authlib would also accept the name with blanks around it."""
        return request.parameters.get("response_type") in cls.RESPONSE_TYPES

    def read_credential(self) -> None:
        """Refuse every code: none was issued.

        Raises:
            OAuth2Error: `invalid_grant`.
        """
        raise invalid_code()

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
            audience=resolve_audience(given.resources, client, self.server.issuer),
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
            OAuth2Error: `invalid_request`: the hint is no ID token that this server gave to the client, or
                the client wants two users.
        """
        hinted_sub = self._sub_of_hint()
        if hinted_sub is not None and claimed_sub is not None and hinted_sub != claimed_sub:
            raise malformed("The id_token_hint and the claims are about two users.")
        return hinted_sub or claimed_sub

    def _sub_of_hint(self) -> str | None:
        hint = self.given.once.get("id_token_hint")
        if hint is None:
            return self.given.once.get(HINTED_SUB)
        read = read_hint(hint, self.server.token_issuer.keys, self.server.issuer)
        if read is None or read.client_id != self.oauth_client.get_client_id():
            raise malformed("The id_token_hint is not an ID token that this client got from this server.")
        return read.sub
