"""Parameters, metadata and preflights are derived from what grants and endpoints declare."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pytest
from authlib.oauth2.rfc6749 import TokenEndpoint as AuthlibEndpoint
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin
from flask import Flask
from werkzeug.test import TestResponse

from oauth import Origins, Server
from oauth.clients.registration import GRANT_TYPES
from oauth.endpoints.client_endpoints import add_client_endpoint
from oauth.token_request import TokenRequest
from tests.conftest import Registered, Site

ORIGIN = "https://app.example"
METADATA = "/.well-known/oauth-authorization-server"


class StubGrant(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
    """A grant that answers with its parameters."""

    GRANT_TYPE = "urn:example:stub"
    PARAMETERS = frozenset({"stub_code"})
    REPEATABLE_PARAMETERS = frozenset({"stub_note"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": ("urn:example:stub",)}

    def validate_token_request(self) -> None:
        """Accept every request."""

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """The parameters of the request."""
        return 200, {**self.request.form, "notes": self.request.repeated.get("stub_note")}, []


class StubEndpoint(AuthlibEndpoint):  # type: ignore[misc]
    """An endpoint that pages may call."""

    ENDPOINT_NAME = "stub"
    PATHS = ("/oauth/stub", "/stub")
    HTTP_METHODS = ("POST",)
    CORS = True
    PARAMETERS = frozenset({"stub_id"})
    METADATA: ClassVar[Mapping[str, str | Sequence[str]]] = {"stub_endpoint": PATHS[0], "stub_modes": ("a",)}

    def create_endpoint_response(
        self, request: TokenRequest
    ) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """The parameters of the request."""
        return 200, dict(request.form), []


def server_of(app: Flask) -> Server:
    """The application's authorization server."""
    server: Server = app.extensions[Server.NAME]
    return server


@pytest.fixture
def granting(site: Site) -> Site:
    """A site with the stub grant."""
    server_of(site.app).register_grant(StubGrant)
    return site


@pytest.fixture
def page(site: Site) -> Registered:
    """A public client whose page is at one origin; the stub endpoint is served."""
    options = ("--auth-method", "none", "--allow-public-password", "--cors-origin", ORIGIN)
    client = site.register("a page", *options)
    with site.app.app_context():
        server = server_of(site.app)
        origins = Origins(lambda: [server.query_client(client.client_id).registered], site.clock)
    add_client_endpoint(site.app, server, StubEndpoint, origins)
    return client


def ask(site: Site, body: str, query: str = "") -> TestResponse:
    """A request for the stub grant."""
    form = "application/x-www-form-urlencoded"
    return site.http.post(
        "/oauth/token", data=f"grant_type=urn:example:stub&{body}", query_string=query, content_type=form
    )


def test_grant_reads_its_own_parameters(granting: Site) -> None:
    """A parameter that a grant declares reaches it; an undeclared one is ignored (RFC 6749, 3.2)."""
    answer = ask(granting, "stub_code=x&stub_other=y&stub_note=a&stub_note=b")
    assert answer.get_json() == {"grant_type": "urn:example:stub", "stub_code": "x", "notes": ["a", "b"]}


@pytest.mark.parametrize(
    ("body", "query", "sentence"),
    [
        ("stub_code=x&stub_code=x", "", "The parameter stub_code is given more than once."),
        ("stub_code=x", "stub_code=x", "OAuth parameters belong in the body, never in the URL."),
        ("stub_code=x", "stub_note=x", "OAuth parameters belong in the body, never in the URL."),
    ],
)
def test_declared_parameter_is_read_strictly(granting: Site, body: str, query: str, sentence: str) -> None:
    """A parameter that a grant declares may not repeat or stand in the URL (RFC 6749, 2.3.1 and 3.2)."""
    answer = ask(granting, body, query)
    assert (answer.status_code, answer.get_json()["error_description"]) == (400, sentence)


def test_undeclared_parameter_may_repeat(site: Site) -> None:
    """Without the grant its parameter is unknown and ignored, even in the URL (RFC 6749, 3.2)."""
    answer = ask(site, "stub_code=x&stub_code=x", "stub_code=x")
    assert answer.get_json()["error"] == "unsupported_grant_type"


def test_grant_type_appears_in_the_metadata(granting: Site) -> None:
    """A registered grant adds its grant type to those of the other grants (RFC 8414, 2)."""
    supported = granting.http.get(METADATA).get_json()["grant_types_supported"]
    assert supported == [*GRANT_TYPES, "urn:example:stub"]


def test_endpoint_appears_in_the_metadata_and_on_the_front_page(site: Site, page: Registered) -> None:
    """A registered endpoint is named by its URL below the issuer (RFC 8414, 2)."""
    for path in (METADATA, "/"):
        body = site.http.get(path).get_json()
        assert (body["stub_endpoint"], body["stub_modes"]) == ("https://localhost:8443/oauth/stub", ["a"])


@pytest.mark.parametrize("path", StubEndpoint.PATHS)
def test_endpoint_with_cors_gets_its_preflight(site: Site, page: Registered, path: str) -> None:
    """A browser may call an endpoint that declares CORS, from an origin that a client has (Fetch, 4.8)."""
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answer = site.http.options(path, headers=headers)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert site.http.options(path, headers={**headers, "Origin": "https://evil.example"}).status_code == 405


@pytest.mark.parametrize("path", StubEndpoint.PATHS)
def test_endpoint_reads_its_own_parameters_strictly(site: Site, page: Registered, path: str) -> None:
    """A parameter that an endpoint declares reaches it, and may not repeat (RFC 6749, 3.2)."""
    assert site.post(path, page, stub_id="x").get_json() == {"client_id": page.client_id, "stub_id": "x"}
    form = "application/x-www-form-urlencoded"
    answer = site.http.post(path, data="stub_id=x&stub_id=y", content_type=form)
    assert answer.get_json()["error_description"] == "The parameter stub_id is given more than once."
