"""A checked authorization request, its answer, and the two kinds of refusal (RFC 6749, 4.1.1 and 4.1.2).

An error before client and redirect URI are proven must not redirect (4.1.2.1): it would make this server an
open redirector. So the two kinds of refusal are two classes, and only one of them has an answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlencode

from models import Client
from oauth.policy.claims_request import NO_CLAIMS, ClaimsRequest
from oauth.policy.scope import OPENID

QUERY, FORM_POST = "query", "form_post"
RESPONSE_MODES = (QUERY, FORM_POST)
"""How an answer reaches the client (OAuth 2.0 Multiple Response Types, 2.1; Form Post Response Mode)."""
NO_PROMPT, PROMPT_LOGIN, PROMPT_CONSENT, PROMPT_ACCOUNT = "none", "login", "consent", "select_account"
PROMPTS = (NO_PROMPT, PROMPT_LOGIN, PROMPT_CONSENT, PROMPT_ACCOUNT)
"""The values of `prompt` (OpenID Connect Core 1.0, 3.1.2.1)."""

StoredParameters = Mapping[str, str | Sequence[str]]
"""The parameters of a request as they may be stored as JSON. `resource` is a list."""


class AuthorizationAnswer(NamedTuple):
    """The answer to an authorization request: where it goes, and with which parameters (RFC 6749, 4.1.2).

    With the mode `form_post` a page posts the parameters to `redirect_uri`, else a redirect goes to `url`.
    """

    redirect_uri: str
    parameters: Mapping[str, str]
    response_mode: str

    @property
    def url(self) -> str:
        """The redirect URI with the parameters in its query; a query of its own stays (RFC 6749, 3.1.2)."""
        base, mark, query = self.redirect_uri.partition("?")
        joined = "&".join(filter(None, (query, urlencode(self.parameters))))
        return f"{base}?{joined}" if mark or joined else base


class UnsafeRequest(Exception):
    """The client or its redirect URI is not proven, so the error is a page and never a redirect (4.1.2.1)."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        """Take what the page says.

        Args:
            error: the code, such as `invalid_request`.
            description: a constant sentence.
            status: the HTTP status.
        """
        super().__init__(description)
        self.error, self.description, self.status = error, description, status


class RedirectedError(Exception):
    """The request is refused, and its proven client is told by `answer`."""

    def __init__(self, error: str, description: str, answer: AuthorizationAnswer) -> None:
        """Take the answer.

        Args:
            error: the code, such as `invalid_scope`.
            description: a constant sentence.
            answer: goes to the client.
        """
        super().__init__(description)
        self.error, self.description, self.answer = error, description, answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """A request whose client, redirect URI and parameters were checked.

    `parameters` may be stored, and be checked again by `Authorization.restore`. They hold no token: the
    subject of a verified `id_token_hint` stands in its place. `scope` and `audience` are those that the
    client may have. `hinted_sub` is the `sub` that the client knows its user by.
    """

    client: Client
    parameters: StoredParameters = field(repr=False)
    redirect_uri: str
    scope: str
    response_mode: str
    audience: str | None = None
    state: str | None = field(default=None, repr=False)
    nonce: str | None = field(default=None, repr=False)
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    ui_locales: Sequence[str] = ()
    login_hint: str | None = field(default=None, repr=False)
    hinted_sub: str | None = field(default=None, repr=False)
    acr_values: Sequence[str] = ()
    claims: ClaimsRequest = field(default=NO_CLAIMS, repr=False)
    code_challenge: str | None = field(default=None, repr=False)

    @property
    def is_openid(self) -> bool:
        """Whether this is a request of OpenID Connect (Core 1.0, 3.1.2.1)."""
        return OPENID in self.scope.split()

    @property
    def consent_scope(self) -> str:
        """The scope, with the scopes of the claims that are requested singly: consent is asked for all."""
        registered = self.client.scope.split()
        singly = [name for name in sorted(self.claims.scopes) if name in registered] if self.is_openid else []
        return " ".join(dict.fromkeys([*self.scope.split(), *singly]))

    @property
    def identifies_client(self) -> bool:
        """Whether the answer can reach no program but the client.

        A public client at a loopback address or a private scheme proves nothing: any program of the user's
        machine can send its requests. Such a request needs the user's consent each time (RFC 8252, 8.6).
        """
        return not self.client.is_public or self.redirect_uri.startswith("https://")

    @property
    def given_redirect_uri(self) -> str | None:
        """The redirect URI that was named; the token request must then repeat it (RFC 6749, 4.1.3)."""
        given = self.parameters.get("redirect_uri")
        return given if isinstance(given, str) else None
