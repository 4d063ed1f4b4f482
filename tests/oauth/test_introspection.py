"""Token introspection (RFC 7662): which clients see what of a token."""

import pytest

from directory import DirectoryUnavailable
from oauth import ACCESS
from oauth.tokens.format import mint
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import ruin_database, write_column
from tests.oauth.answers import INVALID_CLIENT, INVALID_REQUEST, OK, UNAVAILABLE, status_and_error

PATH = "/oauth/introspect"
INACTIVE = {"active": False}


@pytest.fixture
def tokens(faked: Site, refreshing: Registered) -> dict[str, str]:
    """The answer to a login."""
    body: dict[str, str] = faked.ask_token(refreshing).get_json()
    return body


def introspect(site: Site, client: Registered, token: str, **parameters: str) -> dict[str, object]:
    """The answer that a client gets about a token."""
    answer = site.post(PATH, client, token=token, **parameters)
    assert status_and_error(answer) == OK
    body: dict[str, object] = answer.get_json()
    return body


class TestFields:
    """RFC 7662, 2.2."""

    def test_resource_server_sees_an_access_token(
        self, faked: Site, refreshing: Registered, resource_server: Registered, tokens: dict[str, str]
    ) -> None:
        """A resource server gets every member that it needs to decide (RFC 7662, 2.2)."""
        faked.clock.now += 10
        body = introspect(faked, resource_server, tokens["access_token"])
        assert body.pop("jti")
        assert body == {
            "active": True,
            "scope": "profile email",
            "client_id": refreshing.client_id,
            "username": "alice",
            "token_type": "Bearer",
            "exp": NOON + 3600,
            "iat": NOON,
            "nbf": NOON,
            "sub": ALICE.id,
            "aud": "https://localhost:8443",
            "iss": "https://localhost:8443",
        }

    def test_client_sees_its_own_refresh_token(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """A client sees whether its refresh token is active; the answer has no token_type."""
        body = introspect(faked, refreshing, tokens["refresh_token"])
        assert body.pop("jti")
        assert body == {
            "active": True,
            "scope": "profile email",
            "client_id": refreshing.client_id,
            "username": "alice",
            "exp": NOON + 1_209_600,
            "iat": NOON,
            "nbf": NOON,
            "sub": ALICE.id,
            "aud": "https://localhost:8443",
            "iss": "https://localhost:8443",
        }

    def test_token_of_client_credentials_has_no_user(self, faked: Site) -> None:
        """A token without a user has neither username nor sub (RFC 9700, 4.15)."""
        client = faked.register("a job", grant="client_credentials")
        token = faked.post("/oauth/token", client, grant_type="client_credentials").get_json()["access_token"]
        body = introspect(faked, client, token)
        assert body["client_id"] == client.client_id
        assert not {"username", "sub"} & set(body)

    @pytest.mark.parametrize(
        ("stored", "shown"),
        [
            ("https://grades.example", "https://grades.example"),
            ("https://a.example https://b.example", ["https://a.example", "https://b.example"]),
        ],
    )
    def test_answer_has_the_audience(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str], stored: str, shown: object
    ) -> None:
        """Only an access token has the requested resources as its audience (RFC 7662, 2.2)."""
        write_column(faked, "access_token", "audience", stored)
        write_column(faked, "grant", "audience", stored)
        assert introspect(faked, refreshing, tokens["access_token"])["aud"] == shown
        assert introspect(faked, refreshing, tokens["refresh_token"])["aud"] == "https://localhost:8443"

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_answer_has_the_pairwise_subject(
        self,
        faked: Site,
        refreshing: Registered,
        resource_server: Registered,
        tokens: dict[str, str],
        kind: str,
    ) -> None:
        """Resource servers too see the pairwise subject that a user has with the client."""
        write_column(faked, "grant", "sub", "of-this-client-alone")
        for asking in (refreshing, resource_server) if kind == "access_token" else (refreshing,):
            assert introspect(faked, asking, tokens[kind])["sub"] == "of-this-client-alone"

    def test_answer_has_the_scope_of_the_token(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """The scope is that of the token, not of its grant."""
        narrow = faked.refresh(refreshing, tokens["refresh_token"], scope="email").get_json()
        assert introspect(faked, refreshing, narrow["access_token"])["scope"] == "email"

    def test_jti_names_one_token(self, faked: Site, refreshing: Registered, tokens: dict[str, str]) -> None:
        """A token always has the same jti, another token has another, and no jti is part of a token."""
        other = faked.ask_token(refreshing).get_json()["access_token"]
        first, again, another = (
            introspect(faked, refreshing, token)["jti"]
            for token in (tokens["access_token"], tokens["access_token"], other)
        )
        assert first == again != another
        assert str(first) not in tokens["access_token"]

    def test_directory_is_not_asked(
        self, faked: Site, fake: FakeDirectory, resource_server: Registered, tokens: dict[str, str]
    ) -> None:
        """Introspection works without the directory, because it never asks it."""
        fake.outcome = DirectoryUnavailable("away")
        asked = list(fake.asked)
        assert introspect(faked, resource_server, tokens["access_token"])["active"] is True
        assert (fake.asked, fake.sought) == (asked, [])

    @pytest.mark.parametrize("hint", ["access_token", "refresh_token", "id_token", "<b>", ""])
    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_hint_changes_nothing(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str], kind: str, hint: str
    ) -> None:
        """A hint that is wrong, unknown or empty changes nothing (RFC 7662, 2.1)."""
        assert introspect(faked, refreshing, tokens[kind], token_type_hint=hint)["active"] is True


class TestVisibility:
    """RFC 7662, 2.2, 4 and 5: what a client may see of a token."""

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_token_of_another_client_is_inactive(
        self, faked: Site, tokens: dict[str, str], kind: str
    ) -> None:
        """A client that is no resource server sees no token of another client, whatever its scope."""
        other = faked.register("another", "--scope", "profile email")
        assert introspect(faked, other, tokens[kind]) == INACTIVE

    @pytest.mark.parametrize("named", [None, "https://localhost:8443"])
    @pytest.mark.parametrize(
        ("registered", "sees_user"),
        [("profile", True), ("echo email", True), ("echo", False), ("PROFILE", False), (None, False)],
    )
    def test_resource_server_sees_users_of_its_scopes_only(
        self,
        faked: Site,
        tokens: dict[str, str],
        registered: str | None,
        sees_user: bool,  # noqa: FBT001
        named: str | None,
    ) -> None:
        """A resource server without audience learns that a token is valid, its user only by a scope (5)."""
        if named is not None:
            write_column(faked, "access_token", "audience", named)
        scope = ("--scope", registered) if registered else ()
        server = faked.register("an API", "--resource-server", *scope, grant="")
        body = introspect(faked, server, tokens["access_token"])
        assert (body["active"], body["scope"]) == (True, "profile email")
        assert {"sub", "username"} & set(body) == ({"sub", "username"} if sees_user else set())

    def test_answer_without_user_has_every_other_member(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """An API needs no user to answer `insufficient_scope` (RFC 6750, 3.1)."""
        server = faked.register("an API", "--resource-server", "--scope", "grades", grant="")
        body = introspect(faked, server, tokens["access_token"])
        assert body.pop("jti")
        assert body == {
            "active": True,
            "scope": "profile email",
            "client_id": refreshing.client_id,
            "token_type": "Bearer",
            "exp": NOON + 3600,
            "iat": NOON,
            "nbf": NOON,
            "aud": "https://localhost:8443",
            "iss": "https://localhost:8443",
        }

    @pytest.mark.parametrize(("scope", "seen"), [("profile", True), ("grades", False)])
    def test_api_with_an_audience_sees_unnamed_tokens_by_scope(
        self,
        faked: Site,
        tokens: dict[str, str],
        scope: str,
        seen: bool,  # noqa: FBT001
    ) -> None:
        """To an API with an audience of its own, a token that names no API is valid only with its scope."""
        options = ("--scope", scope, "--audience", "https://grades.example")
        server = faked.register("an API", "--resource-server", *options, grant="")
        body = introspect(faked, server, tokens["access_token"])
        assert (body["active"], "sub" in body) == (seen, seen)

    @pytest.mark.parametrize(
        ("audiences", "active"),
        [
            (("https://grades.example",), True),
            (("https://loans.example", "https://grades.example"), True),
            (("https://grades.example/",), False),
            (("https://loans.example",), False),
        ],
    )
    def test_resource_server_sees_tokens_for_its_audiences(
        self,
        faked: Site,
        tokens: dict[str, str],
        audiences: tuple[str, ...],
        active: bool,  # noqa: FBT001
    ) -> None:
        """A resource server sees the tokens for one of its audiences, whatever their scope."""
        write_column(faked, "access_token", "audience", "https://mail.example https://grades.example")
        options = [option for audience in audiences for option in ("--audience", audience)]
        server = faked.register("an API", "--resource-server", *options, grant="")
        assert introspect(faked, server, tokens["access_token"])["active"] is active

    @pytest.mark.parametrize(
        "options",
        [("--audience", "https://other.example"), ()],
        ids=["known as another", "known by its scopes alone"],
    )
    @pytest.mark.parametrize("audience", ["https://grades.example", "https://a.example https://b.example"])
    def test_token_for_another_api_is_inactive(
        self, faked: Site, tokens: dict[str, str], options: tuple[str, ...], audience: str
    ) -> None:
        """No other API sees a token that names its APIs, whatever its scope (RFC 7662, 4)."""
        write_column(faked, "access_token", "audience", audience)
        server = faked.register("an API", "--resource-server", "--scope", "profile", *options, grant="")
        assert introspect(faked, server, tokens["access_token"]) == INACTIVE

    def test_token_for_the_issuer_is_inactive_for_other_audiences(
        self, faked: Site, tokens: dict[str, str]
    ) -> None:
        """An API with an audience of its own does not see a token that names only the issuer."""
        write_column(faked, "access_token", "audience", "https://localhost:8443")
        options = ("--scope", "profile", "--audience", "https://grades.example")
        server = faked.register("an API", "--resource-server", *options, grant="")
        assert introspect(faked, server, tokens["access_token"]) == INACTIVE

    def test_token_without_resource_shows_no_user_by_audience(
        self, faked: Site, tokens: dict[str, str]
    ) -> None:
        """The audience of a token that names no API is the issuer; its user is shown by scope only."""
        options = ("--audience", "https://localhost:8443")
        server = faked.register("an API", "--resource-server", *options, grant="")
        body = introspect(faked, server, tokens["access_token"])
        assert (body["active"], "sub" in body) == (True, False)

    def test_client_that_is_no_resource_server_sees_only_its_own_tokens(self, faked: Site) -> None:
        """A client without `--resource-server` sees only its own tokens."""
        client = faked.register("a job", grant="client_credentials")
        other = faked.register("another", grant="client_credentials")
        form = {"grant_type": "client_credentials"}
        own, foreign = (
            faked.post("/oauth/token", each, **form).get_json()["access_token"] for each in (client, other)
        )
        assert introspect(faked, client, own)["active"] is True
        assert introspect(faked, client, foreign) == INACTIVE

    def test_former_resource_server_sees_nothing(
        self, faked: Site, resource_server: Registered, tokens: dict[str, str]
    ) -> None:
        """A client that is no longer a resource server sees no token of others."""
        faked.run("client", "update", resource_server.client_id, "--no-resource-server")
        assert introspect(faked, resource_server, tokens["access_token"]) == INACTIVE

    def test_refresh_token_opens_no_resource(
        self, faked: Site, resource_server: Registered, tokens: dict[str, str]
    ) -> None:
        """A refresh token is inactive for every resource server, because only this server accepts it (4)."""
        assert introspect(faked, resource_server, tokens["refresh_token"]) == INACTIVE

    def test_user_of_the_default_scope_is_shown_to_the_client_only(self, faked: Site) -> None:
        """Only the client sees the user of the scope `default`, because no list can hold that scope."""
        client = faked.register()
        token = faked.token(client)
        refused = faked.run("client", "create", "an API", "--resource-server", "--scope", "default", status=1)
        assert "cannot be in one" in refused
        plain = faked.register("an API", "--resource-server", grant="")
        assert introspect(faked, plain, token)["active"] is True
        assert "sub" not in introspect(faked, plain, token)
        assert introspect(faked, client, token)["sub"] == ALICE.id

    def test_public_client_is_refused(self, faked: Site, public: Registered) -> None:
        """A public client is refused, because anyone could try tokens in its name: 401 (RFC 7662, 2.1)."""
        form = {"grant_type": "password", "username": "alice", "password": "x"}
        token = faked.post("/oauth/token", public, **form).get_json()["access_token"]
        assert status_and_error(faked.post(PATH, public, token=token)) == INVALID_CLIENT

    def test_unauthenticated_client_is_refused(self, faked: Site, refreshing: Registered) -> None:
        """No client, a wrong secret, a confidential client without its secret: 401 (RFC 7662, 2.3)."""
        assert status_and_error(faked.http.post(PATH, data={"token": "x"})) == INVALID_CLIENT
        for secret in ("", "wrong"):
            assert (
                status_and_error(faked.post(PATH, Registered(refreshing.client_id, secret), token="x"))
                == INVALID_CLIENT
            )


class TestInactive:
    """RFC 7662, 2.2: the answer about an inactive token has no other member."""

    @pytest.mark.parametrize(
        "token",
        [pytest.param(mint(ACCESS, NOON + 60), id="never issued"), "junk", "ü", "<b>", "'--", "x" * 5000],
    )
    def test_unknown_token_is_inactive(self, faked: Site, resource_server: Registered, token: str) -> None:
        """A token that was never issued is inactive, and no error (RFC 7662, 2.2)."""
        assert introspect(faked, resource_server, token) == INACTIVE

    @pytest.mark.parametrize(("kind", "life"), [("access_token", 3600), ("refresh_token", 1_209_600)])
    def test_expired_token_is_inactive(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str], kind: str, life: int
    ) -> None:
        """A token is active until the second of its exp."""
        faked.clock.now = NOON + life - 0.1
        assert introspect(faked, refreshing, tokens[kind])["exp"] == NOON + life
        faked.clock.now = NOON + life
        assert introspect(faked, refreshing, tokens[kind]) == INACTIVE

    @pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
    def test_revoked_token_is_inactive(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str], kind: str
    ) -> None:
        """A revoked token is inactive at once and for ever (RFC 7009, 2.1)."""
        faked.post("/oauth/revoke", refreshing, token=tokens[kind])
        for _ in range(2):
            assert introspect(faked, refreshing, tokens[kind]) == INACTIVE
            faked.clock.now += 60

    def test_access_token_of_a_revoked_family_is_inactive(
        self, faked: Site, refreshing: Registered, resource_server: Registered, tokens: dict[str, str]
    ) -> None:
        """When a family ends, its access tokens are inactive for resource servers too."""
        faked.post("/oauth/revoke", refreshing, token=tokens["refresh_token"])
        assert introspect(faked, resource_server, tokens["access_token"]) == INACTIVE

    def test_used_refresh_token_is_inactive(
        self, faked: Site, refreshing: Registered, tokens: dict[str, str]
    ) -> None:
        """A used refresh token is inactive. Introspection is no reuse, so the successor stays active."""
        newer = faked.refresh(refreshing, tokens["refresh_token"]).get_json()["refresh_token"]
        assert introspect(faked, refreshing, tokens["refresh_token"]) == INACTIVE
        assert introspect(faked, refreshing, newer)["active"] is True

    def test_token_of_a_disabled_client_is_inactive(
        self, faked: Site, refreshing: Registered, resource_server: Registered, tokens: dict[str, str]
    ) -> None:
        """The tokens of a disabled client are inactive."""
        faked.run("client", "disable", "--yes", refreshing.client_id)
        assert introspect(faked, resource_server, tokens["access_token"]) == INACTIVE


@pytest.mark.parametrize("form", [{"scope": "x"}, {"token": ""}, {"token_type_hint": "access_token"}])
def test_missing_token_is_named(faked: Site, refreshing: Registered, form: dict[str, str]) -> None:
    """A missing parameter is invalid_request, by name (RFC 6749, 5.2)."""
    answer = faked.post(PATH, refreshing, **form)
    assert status_and_error(answer) == INVALID_REQUEST
    assert answer.get_json()["error_description"] == "The parameter token is missing."


def test_database_that_fails_is_503(faked: Site, resource_server: Registered, tokens: dict[str, str]) -> None:
    """Without a database the answer is 503, and never that a token is inactive."""
    ruin_database(faked)
    assert status_and_error(faked.post(PATH, resource_server, token=tokens["access_token"])) == UNAVAILABLE


def test_short_alias_is_the_same_endpoint(
    faked: Site, refreshing: Registered, tokens: dict[str, str]
) -> None:
    """/introspect answers as /oauth/introspect does."""
    answer = faked.post("/introspect", refreshing, token=tokens["access_token"])
    assert answer.get_json() == introspect(faked, refreshing, tokens["access_token"])
