"""A refresh token that is presented again: a lost answer is repeated, a stolen token ends its family."""

import sqlite3
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable
from contextlib import closing

import pytest

from directory import DirectoryUnavailable
from oauth import REFRESH, Lifetimes
from oauth.tokens.format import mint
from oauth.tokens.rotation import RotatedTokens
from tests.conftest import NOON, Registered, Site
from tests.fakes import FakeDirectory
from tests.faults import database_file, rows, without_table
from tests.oauth.answers import INVALID_GRANT, OK, UNAVAILABLE, status_and_error

WINDOW, DAY = 10, 86_400
OLD, NEW = "first-kept-key-q7Zt2LxV9mPw4RbN8sHc", "other-kept-key-D3yKf6UjX1aGz5TeQo0v"


@pytest.fixture
def token(faked: Site, refreshing: Registered) -> str:
    """A fresh refresh token."""
    refresh: str = faked.ask_token(refreshing).get_json()["refresh_token"]
    return refresh


def is_reuse(site: Site, client: Registered, token: str) -> bool:
    """Whether a use of `token` is refused and audited, and ends its family."""
    assert status_and_error(site.refresh(client, token)) == INVALID_GRANT
    event, grant = rows(site, "audit_event")[-1], rows(site, "grant")[-1]
    assert (event["event"], event["reason"]) == ("token.reused", "refresh_token_reused")
    assert site.log_lines()[-2]["event"] == "token.reused"
    return grant["revoked_at"] is not None


class TestWithinTheWindow:
    """RFC 9700, 4.14.2, with a window for lost answers."""

    @pytest.mark.parametrize("later", [0, 1, WINDOW - 1])
    def test_replay_gets_the_same_tokens(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered, token: str, later: int
    ) -> None:
        """The same client gets the same tokens again, with the remaining lifetime."""
        first = faked.refresh(refreshing, token).get_json()
        faked.clock.now += later
        fake.outcome = DirectoryUnavailable("away")
        again = faked.refresh(refreshing, token)
        assert status_and_error(again) == OK
        assert again.get_json() == {**first, "expires_in": 3600 - later}
        assert len(rows(faked, "refresh_token")) == len(rows(faked, "access_token")) == 2

    @pytest.mark.parametrize("later", [0.2, 0.4, 1.3])
    def test_replay_gets_the_same_tokens_within_a_second_and_across(
        self, faked: Site, refreshing: Registered, token: str, later: float
    ) -> None:
        """The rotated token does not depend on the fraction of the second."""
        faked.clock.now += 0.7
        first = faked.refresh(refreshing, token).get_json()
        faked.clock.now += later
        again = faked.refresh(refreshing, token)
        assert status_and_error(again) == OK
        assert again.get_json() == {**first, "expires_in": again.get_json()["expires_in"]}

    def test_replayed_token_works(self, faked: Site, refreshing: Registered, token: str) -> None:
        """The tokens of a replay work at a resource and for the next refresh."""
        faked.refresh(refreshing, token)
        body = faked.refresh(refreshing, token).get_json()
        assert faked.get("/api/me", body["access_token"]).status_code == 200
        assert status_and_error(faked.refresh(refreshing, body["refresh_token"])) == OK

    def test_replay_has_the_scope_of_the_first_use(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A replay gets the scope that was granted first, whatever scope it requests."""
        first = faked.refresh(refreshing, token, scope="email").get_json()
        assert faked.refresh(refreshing, token, scope="profile").get_json() == first
        assert faked.refresh(refreshing, token).get_json() == first

    def test_replay_is_audited(self, faked: Site, refreshing: Registered, token: str) -> None:
        """A replay has its own audit row and log line."""
        faked.refresh(refreshing, token, scope="email")
        faked.refresh(refreshing, token)
        event = rows(faked, "audit_event")[-1]
        assert (event["event"], event["scope"]) == ("token.replayed", "email")
        assert faked.log_lines()[-1]["event"] == "token.replayed"

    def test_replay_that_cannot_be_audited_is_503(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A replay that cannot be audited is 503, and may be tried again."""
        faked.refresh(refreshing, token)
        with without_table(faked, "audit_event"):
            assert status_and_error(faked.refresh(refreshing, token)) == UNAVAILABLE
        assert status_and_error(faked.refresh(refreshing, token)) == OK

    def test_another_client_gets_no_replay(self, faked: Site, refreshing: Registered, token: str) -> None:
        """A replay by another client is refused like any foreign token, and ends nothing."""
        other = faked.register("another", "--grant", "refresh_token", "--scope", "profile email")
        body = faked.refresh(refreshing, token).get_json()
        assert status_and_error(faked.refresh(other, token)) == INVALID_GRANT
        assert status_and_error(faked.refresh(refreshing, body["refresh_token"])) == OK

    def test_replay_of_a_revoked_grant_is_refused(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A revoked grant gives no tokens again."""
        body = faked.refresh(refreshing, token).get_json()
        faked.run("token", "revoke", stdin=body["refresh_token"])
        assert status_and_error(faked.refresh(refreshing, token)) == INVALID_GRANT


class TestReuse:
    """RFC 9700, 4.14.2: a late use may come from a thief, or from a thief's victim."""

    def test_use_after_the_window_ends_the_grant(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A token that is presented after the window ends its grant, and the rotated token too."""
        body = faked.refresh(refreshing, token).get_json()
        faked.clock.now += WINDOW
        assert is_reuse(faked, refreshing, token)
        assert faked.get("/api/me", body["access_token"]).status_code == 401
        assert status_and_error(faked.refresh(refreshing, body["refresh_token"])) == INVALID_GRANT

    def test_use_after_the_rotated_token_was_used_ends_the_grant(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A used rotated token proves that the answer came: a later replay is a reuse in the window too."""
        second = faked.refresh(refreshing, token).get_json()["refresh_token"]
        third = faked.refresh(refreshing, second).get_json()["refresh_token"]
        assert is_reuse(faked, refreshing, token)
        assert status_and_error(faked.refresh(refreshing, third)) == INVALID_GRANT

    def test_use_of_an_older_generation_ends_the_grant(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A token of any generation before the last ends the grant, however old it is."""
        oldest = token
        for _ in range(3):
            faked.clock.now += 3600
            token = faked.refresh(refreshing, token).get_json()["refresh_token"]
        assert is_reuse(faked, refreshing, oldest)

    def test_reuse_is_audited_once(self, faked: Site, refreshing: Registered, token: str) -> None:
        """A grant ends once: later attempts are refused, and add no row to the audit."""
        faked.refresh(refreshing, token)
        faked.clock.now += WINDOW
        assert is_reuse(faked, refreshing, token)
        before = rows(faked, "audit_event")
        assert status_and_error(faked.refresh(refreshing, token)) == INVALID_GRANT
        assert rows(faked, "audit_event") == before

    def test_reuse_that_cannot_be_stored_is_503(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """If the end of the grant cannot be stored, the answer is 503; the next attempt ends it."""
        faked.refresh(refreshing, token)
        faked.clock.now += WINDOW
        with without_table(faked, "grant"):
            assert status_and_error(faked.refresh(refreshing, token)) == UNAVAILABLE
        assert is_reuse(faked, refreshing, token)

    def test_reuse_leaves_other_grants_alone(self, faked: Site, refreshing: Registered, token: str) -> None:
        """A reuse does not end the same person's other grants."""
        other = faked.ask_token(refreshing).get_json()["refresh_token"]
        faked.refresh(refreshing, token)
        faked.clock.now += WINDOW
        assert status_and_error(faked.refresh(refreshing, token)) == INVALID_GRANT
        assert status_and_error(faked.refresh(refreshing, other)) == OK

    def test_window_of_zero_allows_no_replay(self, make_site: Callable[..., Site]) -> None:
        """With a window of 0 every second use is a reuse, even in the same second."""
        site = make_site(NETID_REFRESH_REPLAY_WINDOW="0")
        client = site.register("a program", "--grant", "refresh_token")
        token = site.ask_token(client).get_json()["refresh_token"]
        assert status_and_error(site.refresh(client, token)) == OK
        assert is_reuse(site, client, token)


LOGIN = {"grant_type": "password", "username": "alice", "password": "alice-password"}


class TestKeys:
    """The successor is derived from the server's key, which all nodes share and operators can replace."""

    @pytest.fixture
    def nodes(self, make_site: Callable[..., Site]) -> Callable[..., list[Site]]:
        """Makes servers over one database, each with its own ring of keys."""

        def make(*rings: str) -> list[Site]:
            first = make_site(NETID_SECRET_KEY=rings[0])
            url = f"sqlite:///{database_file(first)}"
            others = [make_site(NETID_SECRET_KEY=ring, NETID_DATABASE_URL=url) for ring in rings[1:]]
            return [first, *others]

        return make

    @pytest.mark.parametrize("ring", [OLD, f"{NEW} {OLD}"], ids=["same key", "new key in front"])
    def test_another_node_answers_the_replay(self, nodes: Callable[..., list[Site]], ring: str) -> None:
        """A replay at another node, or after the server's key was replaced, gets the same successor."""
        here, there = nodes(OLD, ring)
        client = here.register("a program", "--grant", "refresh_token")
        token = here.ask_token(client).get_json()["refresh_token"]
        first = here.refresh(client, token).get_json()
        assert there.refresh(client, token).get_json() == first
        assert status_and_error(there.refresh(client, first["refresh_token"])) == OK

    def test_replay_under_a_lost_key_is_refused(self, nodes: Callable[..., list[Site]]) -> None:
        """Without its key a rotated token cannot be derived again, and the replay is a reuse."""
        here, there = nodes(f"{NEW} {OLD}", OLD)
        # A client with a secret would be unknown there too: its secret moves to the new key at its first use.
        options = ("--auth-method", "none", "--allow-public-password")
        client = there.register("an app", "--grant", "refresh_token", *options)
        token = there.post("/oauth/token", client, **LOGIN).get_json()["refresh_token"]
        here.refresh(client, token)
        assert status_and_error(there.refresh(client, token)) == INVALID_GRANT

    def test_rotated_token_depends_on_key_token_and_generation(self) -> None:
        """Another key, token, generation or kind gives another rotated token; the same ones give the same."""
        lifetimes = Lifetimes(access_token=3600, refresh_token=DAY, refresh_idle=DAY, grant=DAY)
        token, other = mint(REFRESH, NOON, b"1" * 32), mint(REFRESH, NOON, b"2" * 32)
        made = [
            successor
            for keys in ([b"a" * 32], [b"b" * 32])
            for presented in (token, other)
            for generation in (0, 1)
            for successor in RotatedTokens(keys, lifetimes, 60).of(presented, generation, NOON, NOON + DAY)
        ]
        random_bits = {each.access for each in made} | {
            urlsafe_b64decode(each.refresh[5:])[-36:-4] for each in made
        }
        assert len(random_bits) == 16
        assert next(RotatedTokens([b"a" * 32], lifetimes, 60).of(token, 0, NOON, NOON + DAY)) == made[0]


def test_rotated_token_is_stored_nowhere_in_clear(faked: Site, refreshing: Registered, token: str) -> None:
    """Neither database nor log holds a rotated token, though a replay gets it again (RFC 6819, 5.1.4)."""
    faked.refresh(refreshing, token)
    body = faked.refresh(refreshing, token).get_json()
    file = database_file(faked)
    raw = b"".join(each.read_bytes() for each in sorted(file.parent.glob(file.name + "*")))
    with closing(sqlite3.connect(file)) as connection:
        dump = "\n".join(connection.iterdump())
    for secret in (token, body["access_token"], body["refresh_token"]):
        random_bits = urlsafe_b64decode(secret[5:])[6:38]
        for form in (secret.encode(), secret[5:].encode(), random_bits, b64encode(random_bits)):
            assert form not in raw
        for text in (secret[5:], random_bits.hex(), random_bits.hex().upper()):
            assert text not in dump
            assert text not in faked.log.getvalue()
