"""Authorization requests for tests, as a browser brings them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from werkzeug.test import TestResponse

from models import Approval
from oauth import Authorization, AuthorizationRequest, RedirectedError, Server, UnsafeRequest
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE

REDIRECT_URI = "https://app.example/callback"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""The pair of RFC 7636, appendix B."""
ISSUER = "https://localhost:8443"


def register(site: Site, *options: str, redirect_uri: str = REDIRECT_URI) -> Registered:
    """A client that signs its users in."""
    return site.register(
        "a portal",
        "--redirect-uri",
        redirect_uri,
        "--scope",
        "openid profile email",
        *options,
        grant="authorization_code",
    )


def parameters_of(client: Registered, **changed: str | None) -> dict[str, str]:
    """A right request; a parameter that is None is left out."""
    usual = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": REDIRECT_URI,
        "scope": "openid profile",
        "state": "a state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**usual, **changed}.items() if value is not None}


def authorization_of(site: Site) -> Authorization:
    """The endpoint of a site's server."""
    server: Server = site.app.extensions[Server.NAME]
    return Authorization(server)


def read(site: Site, query: Mapping[str, str] | Sequence[tuple[str, str]]) -> AuthorizationRequest:
    """What the endpoint reads of a GET request."""
    with site.app.test_request_context(f"/oauth/authorize?{urlencode(query)}") as context:
        return authorization_of(site).read(context.request)


def told(site: Site, query: Mapping[str, str] | Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """The parameters of the answer that tells the client of its mistake."""
    with pytest.raises(RedirectedError) as refused:
        read(site, query)
    answer = refused.value.answer
    assert answer.redirect_uri == REDIRECT_URI
    return answer.parameters


def refused_on_a_page(site: Site, query: Mapping[str, str] | Sequence[tuple[str, str]]) -> UnsafeRequest:
    """The refusal that redirects nowhere."""
    with pytest.raises(UnsafeRequest) as refused:
        read(site, query)
    return refused.value


def approval(**changed: Any) -> Approval:
    """What alice approved."""
    usual = Approval(
        directory="default",
        subject=ALICE.id,
        sub=None,
        net_id="alice",
        private=False,
        claims={},
        scope="openid profile",
        audience=None,
        password_changed_at=None,
        auth_time=NOON - 5,
        acr=None,
        amr=("pwd",),
        session_id=None,
    )
    return usual._replace(**changed)


def allowed(site: Site, sent: Mapping[str, str], **approved: Any) -> str:
    """The code of a request that alice allows."""
    with site.app.test_request_context(f"/oauth/authorize?{urlencode(sent)}") as context:
        authorization = authorization_of(site)
        answer = authorization.allow(authorization.read(context.request), approval(**approved))
    assert answer.parameters["iss"] == ISSUER
    return answer.parameters["code"]


def exchange(site: Site, client: Registered, code: str, **changed: str | None) -> TestResponse:
    """A token request with a code; a parameter that is None is left out."""
    usual = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }
    form = {name: value for name, value in {**usual, **changed}.items() if value is not None}
    return site.post("/oauth/token", client, **form)
