"""The refresh token grant: its answers, its refusals, and the lifetime of a family."""

from collections.abc import Callable

import pytest

from oauth import ACCESS, REFRESH, key_of
from oauth.tokens.format import mint
from tests.conftest import NOON, Registered, Site
from tests.fakes import FakeDirectory
from tests.faults import rows, without_table
from tests.oauth.answers import (
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    OK,
    UNAUTHORIZED_CLIENT,
    UNAVAILABLE,
    status_and_error,
)

HOUR, DAY = 3600, 86_400


@pytest.fixture
def token(faked: Site, refreshing: Registered) -> str:
    """A fresh refresh token."""
    refresh: str = faked.ask_token(refreshing).get_json()["refresh_token"]
    return refresh


class TestRotation:
    """RFC 6749, 6 and RFC 9700, 4.14.2."""

    def test_answer_has_new_tokens(self, faked: Site, refreshing: Registered, token: str) -> None:
        """A refresh answers as a login does, with two new tokens (RFC 6749, 6)."""
        answer = faked.refresh(refreshing, token)
        body = answer.get_json()
        assert status_and_error(answer) == OK
        assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
        assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "profile email")
        assert key_of(ACCESS, body["access_token"])
        assert key_of(REFRESH, body["refresh_token"])
        assert body["refresh_token"] != token
        assert faked.get("/api/me", body["access_token"]).get_json()["name"] == "Alice Baker"

    def test_token_of_every_generation_works(self, faked: Site, refreshing: Registered, token: str) -> None:
        """Each rotated token gives the next one, and all belong to one grant."""
        for _ in range(4):
            faked.clock.now += HOUR
            token = faked.refresh(refreshing, token).get_json()["refresh_token"]
        assert [row["generation"] for row in sorted_by_time(faked)] == [0, 1, 2, 3, 4]
        assert len({row["grant_id"] for row in rows(faked, "refresh_token")}) == 1

    def test_earlier_access_token_stays_valid(self, faked: Site, refreshing: Registered) -> None:
        """A refresh ends no access token: one may be in use at this moment."""
        body = faked.ask_token(refreshing).get_json()
        assert status_and_error(faked.refresh(refreshing, body["refresh_token"])) == OK
        assert faked.get("/api/me", body["access_token"]).status_code == 200

    def test_refresh_is_audited(self, faked: Site, refreshing: Registered, token: str) -> None:
        """A refresh is a row in the audit and a line in the log, with the grant that it belongs to."""
        faked.refresh(refreshing, token)
        event = rows(faked, "audit_event")[-1]
        (grant,) = rows(faked, "grant")
        assert isinstance(grant["id"], bytes)
        assert (event["event"], event["grant_id"]) == ("token.refreshed", grant["id"].hex())
        assert (event["client_id"], event["subject"]) == (refreshing.client_id, grant["subject"])
        assert faked.log_lines()[-1]["event"] == "token.refreshed"

    def test_last_use_of_the_secret_is_stored(self, faked: Site, refreshing: Registered, token: str) -> None:
        """A client that only refreshes uses its secret too, so that no operator removes it as unused."""
        faked.clock.now += HOUR
        faked.refresh(refreshing, token)
        assert [row["last_used_at"] for row in rows(faked, "client_secret")] == [NOON + HOUR]

    def test_public_client_may_refresh(self, faked: Site, public: Registered) -> None:
        """A public client refreshes with its id alone, and its tokens are rotated (RFC 9700, 2.2.2)."""
        token = faked.post(
            "/oauth/token", public, grant_type="password", username="alice", password="x"
        ).get_json()["refresh_token"]
        answer = faked.refresh(public, token)
        assert status_and_error(answer) == OK
        assert answer.get_json()["refresh_token"] != token

    def test_another_login_makes_another_grant(self, faked: Site, refreshing: Registered) -> None:
        """Issuing a token never touches those that were issued before."""
        first, second = (faked.ask_token(refreshing).get_json() for _ in range(2))
        assert status_and_error(faked.refresh(refreshing, first["refresh_token"])) == OK
        assert status_and_error(faked.refresh(refreshing, second["refresh_token"])) == OK
        assert len({row["grant_id"] for row in rows(faked, "refresh_token")}) == 2


def sorted_by_time(site: Site) -> list[dict[str, object]]:
    """The refresh tokens in the order in which they were issued."""
    return sorted(rows(site, "refresh_token"), key=lambda row: str(row["issued_at"]))


class TestScope:
    """RFC 6749, 6: as granted, or narrower."""

    @pytest.mark.parametrize(
        ("asked", "granted"),
        [
            ({}, "profile email"),
            ({"scope": ""}, "profile email"),
            ({"scope": "email profile"}, "email profile"),
            ({"scope": "email"}, "email"),
            ({"scope": "email email"}, "email"),
        ],
    )
    def test_scope_is_kept_or_narrowed(
        self, faked: Site, refreshing: Registered, token: str, asked: dict[str, str], granted: str
    ) -> None:
        """The scope is the grant's or the narrower requested one, also at a resource (6)."""
        body = faked.refresh(refreshing, token, **asked).get_json()
        assert body["scope"] == granted
        claims = {"sub", "mail"} | ({"net_id", "name"} if "profile" in granted else set())
        assert set(faked.get("/api/me", body["access_token"]).get_json()) == claims

    def test_narrower_scope_is_for_one_token(self, faked: Site, refreshing: Registered, token: str) -> None:
        """The new refresh token has the scope of the old one, whatever scope was requested (6)."""
        body = faked.refresh(refreshing, token, scope="email").get_json()
        assert faked.refresh(refreshing, body["refresh_token"]).get_json()["scope"] == "profile email"

    @pytest.mark.parametrize("asked", ["profile email echo", "echo", "default", "profile  email", '"', " "])
    def test_wider_scope_is_refused(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered, token: str, asked: str
    ) -> None:
        """A wider scope is invalid_scope before the directory is asked; the token stays good (6)."""
        faked.run("client", "update", refreshing.client_id, "--scope", "profile email echo")
        assert status_and_error(faked.refresh(refreshing, token, scope=asked)) == INVALID_SCOPE
        assert fake.sought == []
        assert faked.refresh(refreshing, token).get_json()["scope"] == "profile email"

    def test_scope_that_the_client_lost_is_left_out(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A scope that the client lost is not granted again, and the answer says so (3.3)."""
        faked.run("client", "update", refreshing.client_id, "--scope", "email")
        assert status_and_error(faked.refresh(refreshing, token, scope="profile")) == INVALID_SCOPE
        assert faked.refresh(refreshing, token).get_json()["scope"] == "email"

    def test_default_scope_outlives_a_list(self, faked: Site) -> None:
        """A client that gets a list of scopes keeps the tokens that it had without one."""
        client = faked.register("a program", "--grant", "refresh_token")
        token = faked.ask_token(client).get_json()["refresh_token"]
        faked.run("client", "update", client.client_id, "--scope", "profile")
        assert faked.refresh(client, token).get_json()["scope"] == "default"


class TestRefusals:
    """RFC 6749, 5.2: one answer to every bad token."""

    def test_token_of_another_client_is_refused(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A token that was issued to another client is refused, and lives (RFC 6749, 6)."""
        other = faked.register("another", "--grant", "refresh_token", "--scope", "profile email")
        assert status_and_error(faked.refresh(other, token)) == INVALID_GRANT
        assert status_and_error(faked.refresh(refreshing, token)) == OK

    def test_access_token_is_no_refresh_token(self, faked: Site, refreshing: Registered) -> None:
        """An access token refreshes nothing (RFC 6749, 1.5)."""
        body = faked.ask_token(refreshing).get_json()
        assert status_and_error(faked.refresh(refreshing, body["access_token"])) == INVALID_GRANT

    def test_every_cause_is_the_same_answer(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """Unknown, expired, revoked, foreign, malformed: the same bytes, and no directory is asked."""
        other = faked.register("another", "--grant", "refresh_token")
        foreign, expired, revoked = (
            faked.ask_token(each).get_json()["refresh_token"] for each in (other, refreshing, refreshing)
        )
        faked.run("token", "revoke", stdin=revoked)
        bad = [foreign, revoked, mint(REFRESH, NOON), mint(ACCESS, NOON), "junk", f"<{revoked}>", "ü", "'--"]
        answers = [faked.refresh(refreshing, each) for each in bad]
        faked.clock.now += 14 * DAY
        answers.append(faked.refresh(refreshing, expired))
        assert {status_and_error(answer) for answer in answers} == {INVALID_GRANT}
        assert len({answer.data for answer in answers}) == 1
        assert fake.sought == []

    def test_token_that_was_idle_too_long_is_refused(self, make_site: Callable[..., Site]) -> None:
        """A refresh token ends once it was idle for too long; each use restarts the time."""
        site = make_site(NETID_REFRESH_IDLE_TTL="100")
        client = site.register("a program", "--grant", "refresh_token")
        token = site.ask_token(client).get_json()["refresh_token"]
        for _ in range(3):
            site.clock.now += 99
            token = site.refresh(client, token).get_json()["refresh_token"]
        site.clock.now += 100
        assert status_and_error(site.refresh(client, token)) == INVALID_GRANT

    def test_grant_has_an_absolute_end(self, make_site: Callable[..., Site]) -> None:
        """However often a grant is refreshed, no token outlives it."""
        site = make_site(NETID_GRANT_TTL="250", NETID_REFRESH_IDLE_TTL="100", NETID_ACCESS_TOKEN_TTL="90")
        client = site.register("a program", "--grant", "refresh_token")
        token = site.ask_token(client).get_json()["refresh_token"]
        for left in (90, 90, 10):
            site.clock.now += 80
            body = site.refresh(client, token).get_json()
            assert body["expires_in"] == left
            token = body["refresh_token"]
        assert site.post("/oauth/introspect", client, token=token).get_json()["exp"] == NOON + 250
        site.clock.now = NOON + 250
        assert status_and_error(site.refresh(client, token)) == INVALID_GRANT
        assert site.get("/api/me", body["access_token"]).status_code == 401

    def test_client_that_is_not_registered_for_the_grant_is_refused(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A client that may not refresh is unauthorized_client, even with a good token (5.2)."""
        faked.run("client", "update", refreshing.client_id, "--grant", "password")
        assert status_and_error(faked.refresh(refreshing, token)) == UNAUTHORIZED_CLIENT

    def test_client_without_its_secret_is_refused(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A confidential client must authenticate at every refresh (RFC 6749, 6)."""
        for secret in ("", "wrong"):
            assert (
                status_and_error(faked.refresh(Registered(refreshing.client_id, secret), token))
                == INVALID_CLIENT
            )
        assert status_and_error(faked.refresh(refreshing, token)) == OK

    @pytest.mark.parametrize("form", [{}, {"refresh_token": ""}])
    def test_missing_token_is_named(self, faked: Site, refreshing: Registered, form: dict[str, str]) -> None:
        """A missing parameter is invalid_request, by name (5.2)."""
        answer = faked.post("/oauth/token", refreshing, grant_type="refresh_token", **form)
        assert status_and_error(answer) == INVALID_REQUEST
        assert answer.get_json()["error_description"] == "The parameter refresh_token is missing."

    def test_disabled_client_is_refused(self, faked: Site, refreshing: Registered, token: str) -> None:
        """A disabled client gets nothing, and its grants stay dead when it is enabled again."""
        faked.run("client", "disable", "--yes", refreshing.client_id)
        assert status_and_error(faked.refresh(refreshing, token)) == INVALID_CLIENT
        faked.run("client", "update", refreshing.client_id, "--enable")
        assert status_and_error(faked.refresh(refreshing, token)) == INVALID_GRANT


class TestDatabase:
    """If the database or a table is away, the answer is 503 and the token is unchanged."""

    @pytest.mark.parametrize("table", ["client", "refresh_token", "grant", "access_token", "audit_event"])
    def test_token_stays_valid_while_the_database_is_away(
        self, faked: Site, refreshing: Registered, token: str, table: str
    ) -> None:
        """A rotation that cannot be stored changes nothing; the token rotates at the next request."""
        before = rows(faked, "refresh_token")
        with without_table(faked, table):
            assert status_and_error(faked.refresh(refreshing, token)) == UNAVAILABLE
        assert rows(faked, "refresh_token") == before
        assert status_and_error(faked.refresh(refreshing, token)) == OK
        events = [row["event"] for row in rows(faked, "audit_event")]
        assert events == ["token.issued", "token.refreshed"]
