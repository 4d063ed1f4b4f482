"""Generated authorization requests: each is read, or refused in one of the two ways."""

from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oauth import RedirectedError, UnsafeRequest
from oauth.authorization.reading import LENGTHS
from oauth.clients.redirect_uris import is_registered
from tests.conftest import Registered, Site
from tests.generated import examples
from tests.oauth.authorizing import ISSUER, REDIRECT_URI, authorization_of, parameters_of, register

pytestmark = pytest.mark.slow

NAMES = [*sorted(LENGTHS), "resource", "hinted_sub", "pushed", "x"]
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=60)), max_size=6)
fuzz = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def client(faked: Site) -> Registered:
    """A client that signs its users in."""
    return register(faked)


def outcome(site: Site, query: bytes) -> None:
    """Read a query. Every answer goes to the registered redirect URI alone."""
    opened = site.app.test_request_context("/oauth/authorize", query_string=query.decode("latin-1"))
    with opened as context, suppress(UnsafeRequest):
        try:
            request = authorization_of(site).read(context.request)
        except RedirectedError as refusal:
            answer = refusal.answer
        else:
            again = authorization_of(site).restore(request.parameters, request.client.client_id)
            assert again == request
            answer = authorization_of(site).refuse(request, "access_denied")
        assert answer.redirect_uri == REDIRECT_URI
        assert urlsplit(answer.url)[:3] == urlsplit(REDIRECT_URI)[:3]
        assert answer.parameters["iss"] == ISSUER


@settings(fuzz, max_examples=examples(400))
@given(pairs=PAIRS)
def test_any_parameters_are_answered(faked: Site, client: Registered, pairs: list[tuple[str, str]]) -> None:
    """Any text in any parameter, alone or beside a right request, redirects nowhere else."""
    usual = parameters_of(client)
    replaced = {**usual, **dict(pairs)}
    for sent in (pairs, [*usual.items(), *pairs], list(replaced.items())):
        outcome(faked, urlencode(sent, errors="surrogatepass").encode())


@settings(fuzz, max_examples=examples(200))
@given(query=st.binary(max_size=200))
def test_any_octets_are_answered(faked: Site, client: Registered, query: bytes) -> None:
    """Any octets are a query that is refused."""
    outcome(faked, urlencode(parameters_of(client)).encode() + b"&" + query)


@settings(max_examples=examples(500))
@given(st.text(max_size=60), st.sampled_from(["", "http://127.0.0.1", "http://[::1]:8000/", REDIRECT_URI]))
def test_no_other_text_is_a_registered_address(text: str, start: str) -> None:
    """Only the text itself, or a loopback address with another port, is registered."""
    registered = [REDIRECT_URI, "http://127.0.0.1/cb", "http://[::1]:8000/cb"]
    uri = start + text
    if is_registered(uri, registered) and uri not in registered:
        parts = urlsplit(uri)
        assert (parts.scheme, parts.hostname in {"127.0.0.1", "::1"}) == ("http", True)
        assert (parts.path, parts.query, parts.username) == ("/cb", "", None)
