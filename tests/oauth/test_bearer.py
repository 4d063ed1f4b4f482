"""Bearer tokens at a resource (RFC 6750): which are accepted, and the answers to others."""

import json
from unittest.mock import patch

import pytest
from werkzeug.test import TestResponse

from models import GrantStore
from oauth import ACCESS
from oauth.tokens.format import mint
from tests.conftest import NOON, Registered, Site
from tests.faults import rows

BARE = 'Bearer realm="NetID OAuth"'


def is_invalid_token(answer: TestResponse) -> bool:
    """Whether this is the one answer to every bad token (RFC 6750, 3.1)."""
    assert answer.get_json()["error"] == "invalid_token"
    assert answer.headers["WWW-Authenticate"].startswith(f'{BARE}, error="invalid_token"')
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data.endswith(b"\n")
    return answer.status_code == 401


class TestNoToken:
    """RFC 6750, 3: the challenge names no error."""

    @pytest.mark.parametrize(
        "header",
        [None, "", "Bearer", "Bearer ", "Basic YTpi", "Digest x", "nida_x", "Bearer\tx", "BearerX y", "ü"],
    )
    def test_request_without_token_gets_a_bare_challenge(self, site: Site, header: str | None) -> None:
        """No token, or another scheme, is a 401 without an error code (RFC 6750, 3.1)."""
        headers = {} if header is None else {"Authorization": header}
        answer = site.http.get("/api/me", headers=headers)
        assert answer.status_code == 401
        assert answer.headers.getlist("WWW-Authenticate") == [BARE]
        assert set(answer.get_json()) == {"error_description"}
        assert answer.data.endswith(b"\n")

    def test_token_in_the_url_is_ignored(self, site: Site, client: Registered) -> None:
        """A token in the URL, where it would be logged, is ignored (RFC 6750, 2.3)."""
        answer = site.http.get(f"/api/me?access_token={site.token(client)}")
        assert answer.headers["WWW-Authenticate"] == BARE

    def test_token_in_the_body_is_ignored(self, site: Site, client: Registered) -> None:
        """A token in a form is ignored (RFC 6750, 2.2)."""
        answer = site.http.post("/echo/v1/echo/x", data={"access_token": site.token(client)})
        assert answer.headers["WWW-Authenticate"] == BARE


class TestGoodToken:
    """RFC 6750, 2.1."""

    @pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
    def test_scheme_is_compared_without_case(self, site: Site, client: Registered, scheme: str) -> None:
        """The scheme is compared without case (RFC 9110, 11.1)."""
        headers = {"Authorization": f"{scheme} {site.token(client)}"}
        assert site.http.get("/api/me", headers=headers).status_code == 200

    def test_spaces_around_the_token_are_ignored(self, site: Site, client: Registered) -> None:
        """Spaces around a pasted token are ignored."""
        headers = {"Authorization": f"Bearer   {site.token(client)}  "}
        assert site.http.get("/api/me", headers=headers).status_code == 200

    def test_token_is_valid_until_its_last_second(self, site: Site, client: Registered) -> None:
        """A token is valid until the second in which it expires (RFC 6749, 5.1)."""
        token = site.token(client)
        site.clock.now = NOON + 3599.9
        assert site.get("/api/me", token).status_code == 200
        site.clock.now = NOON + 3600
        assert is_invalid_token(site.get("/api/me", token))


class TestBadToken:
    """RFC 6750, 3.1: invalid_token."""

    def test_token_in_angle_brackets_is_refused(self, site: Site, client: Registered) -> None:
        """A token that is pasted with the angle brackets of an example is a 401 (RFC 6750, 3.1)."""
        assert is_invalid_token(site.get("/api/me", f"<{site.token(client)}>"))

    def test_revoked_token_is_refused(self, site: Site, client: Registered) -> None:
        """A revoked token is refused at once (RFC 7009, 2)."""
        token = site.token(client)
        assert json.loads(site.run("token", "revoke", "--json", stdin=token)) == {"revoked": True}
        assert is_invalid_token(site.get("/api/me", token))

    def test_revoked_refresh_token_ends_its_access_tokens(self, site: Site) -> None:
        """Revoking a refresh token revokes its whole grant (RFC 7009, 2.1)."""
        body = site.ask_token(site.register("a", "--grant", "refresh_token")).get_json()
        site.run("token", "revoke", stdin=body["refresh_token"])
        assert is_invalid_token(site.get("/api/me", body["access_token"]))

    def test_token_of_a_disabled_client_is_refused(self, site: Site, client: Registered) -> None:
        """The tokens of a disabled client are refused."""
        token = site.token(client)
        site.run("client", "disable", "--yes", client.client_id)
        assert is_invalid_token(site.get("/api/me", token))

    def test_refresh_token_opens_no_resource(self, site: Site) -> None:
        """A refresh token opens no resource (RFC 6749, 1.5)."""
        body = site.ask_token(site.register("a", "--grant", "refresh_token")).get_json()
        assert is_invalid_token(site.get("/api/me", body["refresh_token"]))

    def test_unknown_token_is_refused(self, site: Site) -> None:
        """A well-formed token that was never issued is refused."""
        assert is_invalid_token(site.get("/api/me", mint(ACCESS, NOON + 3600)))

    def test_stored_key_opens_nothing(self, site: Site, client: Registered) -> None:
        """The stored key is no token, so a database dump opens nothing."""
        site.token(client)
        key = rows(site, "access_token")[0]["id"]
        assert isinstance(key, bytes)
        for text in (key.hex(), ACCESS + key.hex(), ACCESS + key.hex()[6:58], key.decode("latin-1")):
            assert site.get("/api/me", text.replace("\n", "").replace("\r", "")).status_code == 401

    def test_every_invalid_token_gets_the_same_answer(self, site: Site, client: Registered) -> None:
        """Unknown, expired, revoked and malformed tokens get the same answer."""
        expired, revoked = site.token(client), site.token(client)
        site.run("token", "revoke", stdin=revoked)
        site.clock.now += 3600
        bad = [expired, revoked, mint(ACCESS, NOON), "junk", f"<{expired}>"]
        answers = [site.get("/api/me", token) for token in bad]
        assert len({(str(sorted(answer.headers)), answer.data) for answer in answers}) == 1

    @pytest.mark.parametrize(
        "junk", ["junk", "nida_", "nida_" + "A" * 56, "x" * 5000, "ü" * 57, "a b", '"', "'--"]
    )
    def test_malformed_token_costs_no_query(self, site: Site, junk: str) -> None:
        """Text that cannot be a token is refused without a query."""
        with patch.object(GrantStore, "find_access_token", side_effect=AssertionError) as find:
            assert is_invalid_token(site.get("/api/me", junk))
        find.assert_not_called()


class TestScope:
    """RFC 6750, 3.1: insufficient_scope."""

    def test_missing_scope_is_403_and_named(self, site: Site, client: Registered) -> None:
        """A valid token without the scope is a 403 that names the scope (RFC 6750, 3.1)."""
        answer = site.get("/echo/v1/echo/hello", site.token(client))
        assert (answer.status_code, answer.get_json()["error"]) == (403, "insufficient_scope")
        assert answer.headers["WWW-Authenticate"] == f'{BARE}, error="insufficient_scope", scope="echo"'

    def test_narrowed_token_stays_narrow(self, site: Site) -> None:
        """The scope of the token counts, not the scope of its client (RFC 6749, 3.3)."""
        client = site.register("a program", "--scope", "profile echo")
        assert site.get("/echo/v1/echo/x", site.token(client, scope="profile")).status_code == 403
        assert site.get("/echo/v1/echo/x", site.token(client, scope="echo")).status_code == 200

    @pytest.mark.parametrize("scope", ["echos", "ech", "ECHO", "echo.read"])
    def test_scope_is_compared_whole(self, site: Site, scope: str) -> None:
        """Scope names are compared whole and with case (RFC 6749, 3.3)."""
        assert (
            site.get("/echo/v1/echo/x", site.token(site.register("p", "--scope", scope))).status_code == 403
        )
