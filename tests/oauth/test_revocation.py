"""Token revocation (RFC 7009): which tokens end, and the answers."""

import pytest

from oauth import ACCESS, REFRESH
from oauth.tokens.format import mint
from tests.conftest import NOON, Registered, Site
from tests.faults import rows, ruin_database, without_table
from tests.oauth.answers import (
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    OK,
    UNAVAILABLE,
    status_and_error,
)

PATH = "/oauth/revoke"
HINTS = ["access_token", "refresh_token", "id_token", "<b>", ""]


@pytest.fixture
def tokens(faked: Site, refreshing: Registered) -> dict[str, str]:
    """The answer to a login."""
    body: dict[str, str] = faked.ask_token(refreshing).get_json()
    return body


def lives(site: Site, tokens: dict[str, str]) -> bool:
    """Whether the access token is valid."""
    return site.get("/api/me", tokens["access_token"]).status_code == 200


class TestOwnToken:
    """RFC 7009, 2.1."""

    def test_access_token_ends_alone(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """An access token ends at once, and its refresh token stays valid (RFC 7009, 2.1)."""
        answer = faked.post(PATH, refreshing, token=tokens["access_token"])
        assert status_and_error(answer) == OK
        assert answer.get_json() == {}
        assert not lives(faked, tokens)
        assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == OK

    def test_refresh_token_ends_its_family(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """With a refresh token, all tokens of its grant end, and no others (RFC 7009, 2.1)."""
        other = faked.ask_token(refreshing).get_json()
        newer = faked.refresh(refreshing, tokens["refresh_token"]).get_json()
        assert status_and_error(faked.post(PATH, refreshing, token=newer["refresh_token"])) == OK
        assert not lives(faked, tokens)
        assert not lives(faked, newer)
        assert status_and_error(faked.refresh(refreshing, newer["refresh_token"])) == INVALID_GRANT
        assert lives(faked, other)

    def test_used_refresh_token_ends_its_family(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """A client that lost the answer to a refresh can end the family with the old token."""
        newer = faked.refresh(refreshing, tokens["refresh_token"]).get_json()
        assert status_and_error(faked.post(PATH, refreshing, token=tokens["refresh_token"])) == OK
        assert not lives(faked, newer)

    @pytest.mark.parametrize("hint", HINTS)
    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_hint_changes_nothing(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str], kind: str, hint: str
    ) -> None:
        """The token ends with a wrong, unknown or empty hint too (RFC 7009, 2.1)."""
        assert status_and_error(faked.post(PATH, refreshing, token=tokens[kind], token_type_hint=hint)) == OK
        assert not lives(faked, tokens)

    def test_public_client_revokes_its_own_token(self, faked: Site, public: Registered) -> None:
        """A public client revokes its own tokens with only its id (RFC 7009, 2.1)."""
        form = {"grant_type": "password", "username": "alice", "password": "x"}
        tokens = faked.post("/oauth/token", public, **form).get_json()
        assert status_and_error(faked.post(PATH, public, token=tokens["refresh_token"])) == OK
        assert not lives(faked, tokens)

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_revocation_writes_one_audit_row(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str], kind: str
    ) -> None:
        """A revocation writes one audit row and one log line, with client, user and grant."""
        for _ in range(2):
            assert status_and_error(faked.post(PATH, refreshing, token=tokens[kind])) == OK
        (found,) = (row for row in rows(faked, "audit_event") if row["event"] == "token.revoked")
        (grant,) = rows(faked, "grant")
        assert isinstance(grant["id"], bytes)
        assert (found["reason"], found["client_id"]) == ("client", refreshing.client_id)
        assert (found["subject"], found["grant_id"]) == (grant["subject"], grant["id"].hex())
        assert [line["event"] for line in faked.log_lines()].count("token.revoked") == 1


class TestNothingToRevoke:
    """RFC 7009, 2.2: an invalid token is answered with 200."""

    @pytest.mark.parametrize(
        "token",
        [
            pytest.param(mint(ACCESS, NOON), id="access token never issued"),
            pytest.param(mint(REFRESH, NOON), id="refresh token never issued"),
            "junk",
            "ü",
            "<b>",
            "'--",
            "x" * 5000,
        ],
    )
    def test_unknown_token_is_answered_with_200(
        self, faked: Site, refreshing: Registered, token: str
    ) -> None:
        """A token that was never issued needs no revocation: 200 (RFC 7009, 2.2)."""
        assert status_and_error(faked.post(PATH, refreshing, token=token)) == OK
        assert rows(faked, "audit_event") == []

    def test_expired_token_is_answered_with_200(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """An expired token gets the same answer as a valid one (RFC 7009, 2.2)."""
        faked.clock.now += 3600
        assert status_and_error(faked.post(PATH, refreshing, token=tokens["access_token"])) == OK


class TestRefusals:
    """RFC 7009, 2.1 and 2.2.1."""

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_token_of_another_client_stays_valid(
        self, faked: Site, refreshing: Registered, public: Registered, tokens: dict[str, str], kind: str
    ) -> None:
        """A confidential or public client cannot revoke another client's token (2.1)."""
        other = faked.register("another", "--grant", "refresh_token", "--scope", "profile")
        for thief in (other, public):
            assert status_and_error(faked.post(PATH, thief, token=tokens[kind])) == INVALID_GRANT
        assert lives(faked, tokens)
        assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == OK

    def test_unauthenticated_client_revokes_nothing(
        self, faked: Site, refreshing: Registered, public: Registered, tokens: dict[str, str]
    ) -> None:
        """No client, an unknown one, or a wrong or missing secret: 401, and the token stays valid."""
        nobody = faked.http.post(PATH, data={"token": tokens["access_token"]})
        assert status_and_error(nobody) == INVALID_CLIENT
        assert nobody.headers["WWW-Authenticate"].startswith("Basic ")
        for each in (
            Registered(refreshing.client_id, ""),
            Registered(refreshing.client_id, "wrong"),
            Registered("unknown", "wrong"),
            Registered(public.client_id, "any"),
        ):
            assert status_and_error(faked.post(PATH, each, token=tokens["access_token"])) == INVALID_CLIENT
        assert lives(faked, tokens)

    @pytest.mark.parametrize("form", [{"scope": "x"}, {"token": ""}, {"token_type_hint": "access_token"}])
    def test_missing_token_is_named(self, faked: Site, refreshing: Registered, form: dict[str, str]) -> None:
        """A missing parameter is invalid_request, by name (RFC 6749, 5.2)."""
        answer = faked.post(PATH, refreshing, **form)
        assert status_and_error(answer) == INVALID_REQUEST
        assert answer.get_json()["error_description"] == "The parameter token is missing."


class TestDatabase:
    """RFC 7009, 2.2.1: no answer says that a token ended while it is valid."""

    @pytest.mark.parametrize(
        ("kind", "table"),
        [(kind, table) for kind in ("access_token", "refresh_token") for table in (kind, "grant", "client")],
    )
    def test_revocation_that_cannot_be_stored_is_503(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str], kind: str, table: str
    ) -> None:
        """A revocation that cannot be stored is 503 with Retry-After; the next attempt succeeds."""
        with without_table(faked, table):
            answer = faked.post(PATH, refreshing, token=tokens[kind])
            assert status_and_error(answer) == UNAVAILABLE
            assert int(answer.headers["Retry-After"]) > 0
        assert lives(faked, tokens)
        assert status_and_error(faked.post(PATH, refreshing, token=tokens[kind])) == OK
        assert not lives(faked, tokens)

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_revocation_needs_no_audit(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str], kind: str
    ) -> None:
        """A token ends even if its audit row cannot be written; the log has the event."""
        with without_table(faked, "audit_event"):
            assert status_and_error(faked.post(PATH, refreshing, token=tokens[kind])) == OK
        assert not lives(faked, tokens)
        assert faked.log_lines()[-1]["event"] == "token.revoked"

    def test_database_that_fails_is_503(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """Without a database nothing is revoked, and the answer is 503."""
        ruin_database(faked)
        assert status_and_error(faked.post(PATH, refreshing, token=tokens["access_token"])) == UNAVAILABLE


def test_short_alias_is_the_same_endpoint(
    faked: Site, refreshing: Registered, tokens: dict[str, str]
) -> None:
    """/revoke answers as /oauth/revoke does."""
    assert status_and_error(faked.post("/revoke", refreshing, token=tokens["access_token"])) == OK
    assert not lives(faked, tokens)
