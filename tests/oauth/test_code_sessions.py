"""Codes of a user who signed in at the page: they end with the session, and pushed requests lead to them."""

import pytest

from tests.conftest import Registered, Site
from tests.oauth.answers import INVALID_GRANT, OK, status_and_error
from tests.oauth.authorizing import exchange
from tests.web.signin.visitor import CALLBACK, Visitor, parameters_of, register, request_of


@pytest.fixture
def client(site: Site) -> Registered:
    """A confidential client that may refresh."""
    return register(site, "Library", "--grant", "refresh_token", scope="openid profile offline_access")


def code_of(site: Site, client: Registered, **parameters: str) -> str:
    """The code that alice gets by signing in and allowing the request."""
    visitor = Visitor(site)
    page = visitor.sign_in(visitor.open(client, **parameters))
    return parameters_of(visitor.allow(page))["code"]


def test_code_of_a_page_gives_tokens(site: Site, client: Registered) -> None:
    """The whole way, from the link to the tokens."""
    answer = exchange(site, client, code_of(site, client))
    assert status_and_error(answer) == OK
    assert "id_token" in answer.get_json()
    assert "refresh_token" not in answer.get_json()


@pytest.mark.parametrize("scope", ["openid profile", "openid offline_access"])
@pytest.mark.parametrize(
    "end", [("session", "end", "--person", "alice", "--yes"), ("person", "logout", "alice", "--yes")]
)
def test_code_ends_with_its_session(site: Site, client: Registered, scope: str, end: tuple[str, ...]) -> None:
    """Who ends a session ends what it was about to give, even a token for the time after it."""
    code = code_of(site, client, scope=scope)
    site.run(*end)
    assert status_and_error(exchange(site, client, code)) == INVALID_GRANT


def test_pushed_request_leads_to_a_code(site: Site, client: Registered) -> None:
    """The request is used up by the first page; the pages behind it keep their own copy (RFC 9126, 4)."""
    pushed = site.post("/oauth/par", client, **request_of(client)).get_json()["request_uri"]
    by_name = {"client_id": client.client_id, "request_uri": pushed}
    visitor = Visitor(site)
    page = visitor.follow(visitor.get("/oauth/authorize", **by_name))
    assert visitor.get("/oauth/authorize", **by_name).status_code == 400
    answer = parameters_of(visitor.allow(visitor.sign_in(page)))
    assert answer["state"] == "a state"
    assert status_and_error(exchange(site, client, answer["code"], redirect_uri=CALLBACK)) == OK


def test_client_that_must_push_gets_through_the_pages(site: Site, client: Registered) -> None:
    """The stored request is still a pushed one when the pages check it again (RFC 9126, 6)."""
    site.run("client", "update", client.client_id, "--require-par")
    pushed = site.post("/oauth/par", client, **request_of(client)).get_json()["request_uri"]
    visitor = Visitor(site)
    page = visitor.follow(visitor.get("/oauth/authorize", client_id=client.client_id, request_uri=pushed))
    assert parameters_of(visitor.allow(visitor.sign_in(page)))["code"]
