"""PKCE: the code is bound to a secret of the request, so that a stolen code is worth nothing (RFC 7636)."""

import re
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import ClassVar, Protocol

from authlib.oauth2.rfc7636 import CodeChallenge, create_s256_code_challenge

from oauth.authorization.reading import Given
from oauth.errors import malformed, missing, wrong_verifier
from oauth.token_request import TokenRequest

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class _CodeGrant(Protocol):
    """What the extension needs of its grant."""

    given: Given
    request: TokenRequest

    def may_omit_challenge(self) -> bool:
        """Whether the client of an authorization request may do without PKCE."""


class S256Challenge(CodeChallenge):
    """PKCE with S256 alone (RFC 7636; RFC 9700, 2.1.1).

    Authlib demands a challenge of public clients only, and only when the code is exchanged. It takes a
    challenge without a method for `plain`, accepts a line break after a challenge or a verifier, and compares
    in a time that depends on the texts. So both checks are our own.
    """

    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"code_challenge_methods_supported": ("S256",)}
    PARAMETERS = frozenset({"code_verifier"})

    def validate_code_challenge(self, grant: _CodeGrant, redirect_uri: str) -> None:  # noqa: ARG002
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

    def validate_code_verifier(self, grant: _CodeGrant, result: object) -> None:  # noqa: ARG002
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
