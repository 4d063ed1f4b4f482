"""The client credentials grant (RFC 6749, 4.4): a token for the program itself."""

from collections.abc import Callable

import pytest

from tests.conftest import NOON, Registered, Site
from tests.fakes import FakeDirectory
from tests.faults import drop_table, rows
from tests.oauth.answers import (
    INVALID_CLIENT,
    INVALID_SCOPE,
    OK,
    UNAUTHORIZED_CLIENT,
    UNAVAILABLE,
    status_and_error,
)

GRANT = "client_credentials"


@pytest.fixture
def job(faked: Site) -> Registered:
    """A program that works on its own behalf."""
    return faked.register("a job", "--scope", "profile echo", grant=GRANT)


def test_answer_has_no_refresh_token(faked: Site, fake: FakeDirectory) -> None:
    """Token, type, life and scope; no refresh token, even where the client may refresh (4.4.3)."""
    client = faked.register("a job", "--grant", "refresh_token", "--scope", "profile echo", grant=GRANT)
    answer = faked.post("/oauth/token", client, grant_type=GRANT)
    body = answer.get_json()
    assert status_and_error(answer) == OK
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "profile echo")
    assert (fake.asked, fake.sought, rows(faked, "refresh_token")) == ([], [], [])


def test_token_is_the_clients_own(faked: Site, job: Registered) -> None:
    """The token has no person. No endpoint gives a sub that could pass for a person's (RFC 9700, 4.15)."""
    token = faked.post("/oauth/token", job, grant_type=GRANT).get_json()["access_token"]
    assert faked.get("/api/me", token).get_json() == {"client_id": job.client_id}
    assert faked.get("/echo/v1/echo/x", token).status_code == 200


def test_grant_ends_with_its_token(faked: Site, job: Registered) -> None:
    """The grant is stored without a person, ends with its one token, and has its audit row."""
    faked.post("/oauth/token", job, grant_type=GRANT)
    (grant,), (event,) = rows(faked, "grant"), rows(faked, "audit_event")
    assert (grant["subject"], grant["net_id"], grant["claims"]) == (None, None, "{}")
    assert (grant["expires_at"], grant["live_until"]) == (NOON + 3600, NOON + 3600)
    assert (event["event"], event["client_id"], event["subject"]) == ("token.issued", job.client_id, None)


@pytest.mark.parametrize(("asked", "granted"), [("echo", "echo"), ("", "profile echo")])
def test_requested_scope_is_granted(faked: Site, job: Registered, asked: str, granted: str) -> None:
    """The scope is the requested one, else the client's (RFC 6749, 3.3)."""
    assert faked.post("/oauth/token", job, grant_type=GRANT, scope=asked).get_json()["scope"] == granted


@pytest.mark.parametrize("asked", ["email", "profile email", "default", "profile  echo", '"'])
def test_scope_beyond_the_registration_is_refused(faked: Site, job: Registered, asked: str) -> None:
    """A scope beyond the client's is invalid_scope, and nothing is stored (RFC 6749, 5.2)."""
    assert status_and_error(faked.post("/oauth/token", job, grant_type=GRANT, scope=asked)) == INVALID_SCOPE
    assert rows(faked, "grant") == []


def test_client_that_is_not_registered_for_the_grant_is_refused(faked: Site) -> None:
    """A client that is not registered for the grant is unauthorized_client (RFC 6749, 5.2)."""
    assert (
        status_and_error(faked.post("/oauth/token", faked.register(), grant_type=GRANT))
        == UNAUTHORIZED_CLIENT
    )


class TestPublicClient:
    """RFC 6749, 4.4: confidential clients only."""

    def test_public_client_cannot_be_registered(self, faked: Site) -> None:
        """The command refuses to register a public client for the grant."""
        options = ("--grant", GRANT, "--auth-method", "none")
        assert "no credentials of its own" in faked.run("client", "create", "an app", *options, status=1)

    def test_public_client_is_refused(self, faked: Site, public: Registered) -> None:
        """A public client is refused before its grants are checked: 401 (RFC 6749, 4.4.2)."""
        assert status_and_error(faked.post("/oauth/token", public, grant_type=GRANT)) == INVALID_CLIENT

    def test_confidential_client_without_its_secret_is_refused(self, faked: Site, job: Registered) -> None:
        """The id of a client is not enough to get a token in its name."""
        for secret in ("", "wrong"):
            answer = faked.post("/oauth/token", Registered(job.client_id, secret), grant_type=GRANT)
            assert status_and_error(answer) == INVALID_CLIENT


@pytest.mark.parametrize("table", ["client", "grant", "access_token", "audit_event"])
def test_database_away_is_503(faked: Site, job: Registered, table: str) -> None:
    """A token that cannot be stored together with its audit row is not issued: 503."""
    drop_table(faked, table)
    assert status_and_error(faked.post("/oauth/token", job, grant_type=GRANT)) == UNAVAILABLE


def test_disabled_client_is_refused(faked: Site, job: Registered) -> None:
    """A disabled client gets no token, and the tokens that it has are dead."""
    token = faked.post("/oauth/token", job, grant_type=GRANT).get_json()["access_token"]
    faked.run("client", "disable", "--yes", job.client_id)
    assert status_and_error(faked.post("/oauth/token", job, grant_type=GRANT)) == INVALID_CLIENT
    assert faked.get("/api/me", token).status_code == 401


def test_lifetime_is_the_setting(make_site: Callable[..., Site]) -> None:
    """expires_in is the lifetime that the operator set (RFC 6749, 5.1)."""
    site = make_site(NETID_ACCESS_TOKEN_TTL="77")
    client = site.register("a job", grant=GRANT)
    assert site.post("/oauth/token", client, grant_type=GRANT).get_json()["expires_in"] == 77
