"""Refresh tokens that stay the same, for confidential clients whose programs keep one token in a file."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from directory import DirectoryUnavailable
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows
from tests.oauth.answers import INVALID_GRANT, INVALID_SCOPE, OK, UNAVAILABLE, status_and_error

MINUTE, HOUR, DAY = 60, 3600, 86_400
KEEP = ("--grant", "refresh_token", "--keep-refresh-token", "--scope", "profile email")


@pytest.fixture
def keeping(faked: Site) -> Registered:
    """A client whose refresh tokens stay, at `faked`."""
    return faked.register("an old program", *KEEP)


@pytest.fixture
def token(faked: Site, keeping: Registered) -> str:
    """Its refresh token."""
    refresh: str = faked.ask_token(keeping).get_json()["refresh_token"]
    return refresh


class TestKept:
    """RFC 6749, 6: a new refresh token may be issued, and need not be."""

    def test_answer_has_the_same_refresh_token(self, faked: Site, keeping: Registered, token: str) -> None:
        """Each use answers a new access token that works, and the same refresh token (RFC 6749, 6)."""
        seen = set()
        for _ in range(3):
            answer = faked.refresh(keeping, token)
            body = answer.get_json()
            assert status_and_error(answer) == OK
            assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
            assert (body["refresh_token"], body["expires_in"]) == (token, HOUR)
            assert faked.get("/api/me", body["access_token"]).status_code == 200
            seen.add(body["access_token"])
        assert len(seen) == 3

    def test_use_makes_no_new_generation(self, faked: Site, keeping: Registered, token: str) -> None:
        """One refresh token is stored, unused, however often it was used."""
        for _ in range(3):
            faked.refresh(keeping, token)
        (row,) = rows(faked, "refresh_token")
        assert (row["generation"], row["used_at"]) == (0, None)

    def test_second_use_is_no_reuse(self, faked: Site, keeping: Registered, token: str) -> None:
        """The token is good again after any replay window, and no family ends."""
        for _ in range(3):
            faked.clock.now += HOUR
            assert status_and_error(faked.refresh(keeping, token)) == OK
        assert {row["event"] for row in rows(faked, "audit_event")} == {"token.issued", "token.refreshed"}

    def test_concurrent_uses_all_succeed(self, faked: Site, keeping: Registered, token: str) -> None:
        """Each of sixteen concurrent uses gets an access token of its own."""

        def refresh(_: int) -> str:
            form = {"grant_type": "refresh_token", "refresh_token": token}
            answer = faked.app.test_client().post("/oauth/token", data=form, auth=keeping.basic)
            assert status_and_error(answer) == OK
            access: str = answer.get_json()["access_token"]
            return access

        with ThreadPoolExecutor(16) as pool:
            assert len(set(pool.map(refresh, range(16)))) == 16

    def test_narrower_scope_is_for_one_token(self, faked: Site, keeping: Registered, token: str) -> None:
        """A narrower scope is for one access token, a wider one is refused (RFC 6749, 6)."""
        assert faked.refresh(keeping, token, scope="email").get_json()["scope"] == "email"
        assert status_and_error(faked.refresh(keeping, token, scope="echo")) == INVALID_SCOPE
        assert faked.refresh(keeping, token).get_json()["scope"] == "profile email"

    def test_use_renews_the_claims(
        self, faked: Site, fake: FakeDirectory, keeping: Registered, token: str
    ) -> None:
        """The directory is asked at each use, and a resource gets the current claims."""
        fake.outcome = replace(ALICE, name="Alice Cooper")
        access = faked.refresh(keeping, token).get_json()["access_token"]
        assert faked.get("/api/me", access).get_json()["name"] == "Alice Cooper"

    def test_directory_away_is_503_and_the_token_stays_valid(
        self, faked: Site, fake: FakeDirectory, keeping: Registered, token: str
    ) -> None:
        """While the directory is away, the answer is 503, and the token stays valid."""
        fake.outcome = DirectoryUnavailable("down")
        assert status_and_error(faked.refresh(keeping, token)) == UNAVAILABLE
        fake.outcome = ALICE
        assert status_and_error(faked.refresh(keeping, token)) == OK

    def test_new_password_ends_the_grant(
        self, faked: Site, fake: FakeDirectory, keeping: Registered, token: str
    ) -> None:
        """A password that was changed since the login ends a kept token like any other."""
        fake.outcome = replace(ALICE, password_changed_at=(ALICE.password_changed_at or 0) + 1)
        assert status_and_error(faked.refresh(keeping, token)) == INVALID_GRANT
        fake.outcome = ALICE
        assert status_and_error(faked.refresh(keeping, token)) == INVALID_GRANT

    def test_revoked_token_is_refused(self, faked: Site, keeping: Registered, token: str) -> None:
        """A kept token that was revoked is dead with its access tokens (RFC 7009, 2.1)."""
        access = faked.refresh(keeping, token).get_json()["access_token"]
        assert faked.post("/oauth/revoke", keeping, token=token).status_code == 200
        assert status_and_error(faked.refresh(keeping, token)) == INVALID_GRANT
        assert faked.get("/api/me", access).status_code == 401


class TestLifetimes:
    """Idle and absolute, without a write at every use (RFC 9700, 4.14.2)."""

    def test_token_that_was_idle_too_long_is_refused(self, make_site: Callable[..., Site]) -> None:
        """A kept token ends once it was idle for too long; each use restarts the time."""
        site = make_site(NETID_REFRESH_IDLE_TTL="2400")
        client = site.register("an old program", *KEEP)
        token = site.ask_token(client).get_json()["refresh_token"]
        for _ in range(3):
            site.clock.now += 2300
            assert status_and_error(site.refresh(client, token)) == OK
        site.clock.now += 2400
        assert status_and_error(site.refresh(client, token)) == INVALID_GRANT

    def test_used_token_outlives_its_first_idle_end_and_the_purge(
        self, faked: Site, keeping: Registered, token: str
    ) -> None:
        """A used token outlives the end that it was stored with, whatever the purge deletes."""
        for _ in range(4):
            faked.clock.now += 7 * DAY
            faked.run("token", "purge")
            assert status_and_error(faked.refresh(keeping, token)) == OK

    @pytest.mark.parametrize("bound", ["NETID_REFRESH_TOKEN_TTL", "NETID_GRANT_TTL"])
    def test_grant_has_an_absolute_end(self, make_site: Callable[..., Site], bound: str) -> None:
        """However often a token is used, it ends at its own last second or at that of its grant."""
        site = make_site(**{bound: "5000"}, NETID_ACCESS_TOKEN_TTL="1000", NETID_REFRESH_IDLE_TTL="3000")
        client = site.register("an old program", *KEEP)
        token = site.ask_token(client).get_json()["refresh_token"]
        for at, left in ((2500, 1000), (4999, 1)):
            site.clock.now = NOON + at
            assert site.refresh(client, token).get_json()["expires_in"] == left
        site.clock.now = NOON + 5000
        assert status_and_error(site.refresh(client, token)) == INVALID_GRANT

    def test_uses_move_the_idle_end_at_most_once_an_hour(
        self, faked: Site, keeping: Registered, token: str
    ) -> None:
        """A use moves the token's end only if that adds at least an hour."""
        ends = set()
        for _ in range(121):
            faked.refresh(keeping, token)
            ends.add(rows(faked, "refresh_token")[0]["expires_at"])
            faked.clock.now += MINUTE
        assert ends == {NOON + 14 * DAY, NOON + 14 * DAY + HOUR, NOON + 14 * DAY + 2 * HOUR}


class TestSwitch:
    """The flag of a client, switched on and off."""

    def test_token_rotates_once_the_flag_is_off(self, faked: Site, keeping: Registered, token: str) -> None:
        """Without the flag the token rotates, and a late use of an old token ends the grant."""
        faked.refresh(keeping, token)
        faked.run("client", "update", keeping.client_id, "--rotate-refresh-token")
        successor = faked.refresh(keeping, token).get_json()["refresh_token"]
        assert successor != token
        faked.clock.now += MINUTE
        assert status_and_error(faked.refresh(keeping, token)) == INVALID_GRANT
        assert status_and_error(faked.refresh(keeping, successor)) == INVALID_GRANT

    def test_token_is_kept_once_the_flag_is_on(self, faked: Site, refreshing: Registered) -> None:
        """A token that was issued for rotation is kept from then on, until its last hour."""
        token = faked.ask_token(refreshing).get_json()["refresh_token"]
        faked.run("client", "update", refreshing.client_id, "--keep-refresh-token")
        for day in (7, 13):
            faked.clock.now = NOON + day * DAY
            assert faked.refresh(refreshing, token).get_json()["refresh_token"] == token
        faked.clock.now = NOON + 14 * DAY + HOUR
        assert status_and_error(faked.refresh(refreshing, token)) == INVALID_GRANT

    def test_used_token_stays_used_once_the_flag_is_on(self, faked: Site, refreshing: Registered) -> None:
        """A token that was rotated before the flag was set is a reuse after it (RFC 9700, 4.14.2)."""
        token = faked.ask_token(refreshing).get_json()["refresh_token"]
        faked.refresh(refreshing, token)
        faked.run("client", "update", refreshing.client_id, "--keep-refresh-token")
        faked.clock.now += MINUTE
        assert status_and_error(faked.refresh(refreshing, token)) == INVALID_GRANT
