"""Userinfo (OpenID Connect Core 1.0, 5.3): how a token is sent to it, and the standard claims."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory

PATH = "/oauth/userinfo"
DETAILED = replace(
    ALICE,
    details={
        "given_name": "Alice",
        "family_name": "Baker",
        "locale": "en-GB",
        "phone_number": "+1 555 0100",
        "email_verified": True,
        "address": {"locality": "Campus", "country": "US"},
    },
)


@pytest.fixture
def token(site: Site, client: Registered) -> str:
    """An access token."""
    return site.token(client)


class TestTokenInForm:
    """The token may be in a form body (RFC 6750, 2.2)."""

    def test_post_with_the_token_in_the_form_is_answered(self, site: Site, token: str) -> None:
        """The Basic OP profile of the OpenID certification demands it (Core, 5.3.1)."""
        answer = site.http.post(PATH, data={"access_token": token})
        assert (answer.status_code, answer.get_json()) == (200, site.get(PATH, token).get_json())

    def test_post_with_the_token_in_the_header_is_answered(self, site: Site, token: str) -> None:
        """A POST without a body may have the token in its header."""
        answer = site.http.post(PATH, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200

    def test_form_with_other_parameters_leaves_the_header(self, site: Site, token: str) -> None:
        """A form without a token changes nothing about the header."""
        headers = {"Authorization": f"Bearer {token}"}
        assert site.http.post(PATH, headers=headers, data={"schema": "openid"}).status_code == 200
        assert site.http.post(PATH, data={"schema": "openid"}).status_code == 401

    def test_two_tokens_are_refused(self, site: Site, token: str) -> None:
        """A token in header and form is `invalid_request`, even if both are the same (RFC 6750, 2)."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = site.http.post(PATH, headers=headers, data={"access_token": token})
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")
        assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]

    def test_repeated_token_is_refused(self, site: Site, token: str) -> None:
        """A repeated parameter is `invalid_request` (RFC 6749, 3.2)."""
        answer = site.http.post(PATH, data={"access_token": [token, token]})
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_request")

    def test_token_in_the_url_is_never_read(self, site: Site, token: str) -> None:
        """A URL is logged, so a token in it opens nothing (RFC 9700, 4.3.2)."""
        assert site.http.get(f"{PATH}?access_token={token}").status_code == 401
        assert site.http.post(f"{PATH}?access_token={token}", data={"a": "b"}).status_code == 400

    def test_form_of_a_get_is_never_read(self, site: Site, token: str) -> None:
        """A GET has its token in the header (RFC 6750, 2.2)."""
        assert site.http.get(PATH, data={"access_token": token}).status_code == 401

    def test_json_body_is_never_read(self, site: Site, token: str) -> None:
        """Only a form may carry a token (RFC 6750, 2.2)."""
        assert site.http.post(PATH, json={"access_token": token}).status_code == 401

    def test_wrong_token_in_the_form_is_invalid_token(self, site: Site) -> None:
        """A token that is none of ours gets the one answer to every bad token (RFC 6750, 3.1)."""
        answer = site.http.post(PATH, data={"access_token": "nida_x"})
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")


class TestStandardClaims:
    """The standard claims of each scope (Core, 5.1 and 5.4)."""

    @pytest.fixture
    def released(self, make_site: Callable[..., Site]) -> Callable[..., dict[str, object]]:
        """Gives what userinfo says for a scope."""
        site = make_site(FakeDirectory(DETAILED))

        def ask(scope: str, *options: str) -> dict[str, object]:
            client = site.register("a program", "--scope", scope, *options)
            body: dict[str, object] = site.get(PATH, site.token(client, scope=scope)).get_json()
            assert body.pop("sub") == ALICE.id
            return body

        return ask

    @pytest.mark.parametrize(
        ("scope", "claims"),
        [
            ("openid", {}),
            (
                "openid profile",
                {
                    "preferred_username": "alice",
                    "name": "Alice Baker",
                    "given_name": "Alice",
                    "family_name": "Baker",
                    "locale": "en-GB",
                },
            ),
            ("openid email", {"email": "alice@campus.example", "email_verified": True}),
            ("openid phone", {"phone_number": "+1 555 0100"}),
            ("openid address", {"address": {"locality": "Campus", "country": "US"}}),
        ],
    )
    def test_scope_releases_its_claims_and_no_others(
        self, released: Callable[..., dict[str, object]], scope: str, claims: dict[str, object]
    ) -> None:
        """Each scope releases the claims that section 5.4 names, if the directory has them."""
        assert released(scope) == claims

    def test_list_of_the_client_limits_them(self, released: Callable[..., dict[str, object]]) -> None:
        """A claim outside the client's list is not released."""
        assert released("openid profile phone", "--release", "given_name") == {"given_name": "Alice"}

    def test_private_person_is_only_sub(self, make_site: Callable[..., Site]) -> None:
        """A user who asked for privacy has no claim but `sub`."""
        site = make_site(FakeDirectory(replace(DETAILED, private=True)))
        client = site.register("a program", "--scope", "openid profile email phone address")
        assert set(site.get(PATH, site.token(client)).get_json()) == {"sub"}


def test_sample_resource_keeps_the_claims_that_programs_know(make_site: Callable[..., Site]) -> None:
    """`/api/me` answers as before with names of ours. Further standard claims are at userinfo alone."""
    site = make_site(FakeDirectory(DETAILED))
    token = site.token(site.register("a program", "--scope", "profile email phone address"))
    assert set(site.get("/api/me", token).get_json()) == {"sub", "net_id", "name", "mail"}
