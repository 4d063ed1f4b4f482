"""Resource indicators (RFC 8707): a token is only for the requested APIs."""

import json
from base64 import urlsafe_b64decode

import pytest
from werkzeug.test import TestResponse

from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory
from tests.faults import rows
from tests.oauth.answers import INVALID_REQUEST, INVALID_TARGET, OK, status_and_error

GRADES, FILES, URN = "https://grades.example/api", "https://files.example", "urn:campus:mail"
ISSUER = "https://localhost:8443"


@pytest.fixture
def program(faked: Site) -> Registered:
    """A client with the refresh and client credentials grants and three audiences."""
    options = ("--grant", "refresh_token client_credentials", "--scope", "profile email")
    return faked.register("a program", *options, "--audience", f"{GRADES} {FILES} {URN}")


def ask(site: Site, client: Registered, *resources: str, **form: str) -> TestResponse:
    """A token request of alice, with a `resource` parameter for each of these."""
    usual = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    data = {**(form or usual), "resource": list(resources)}
    return site.http.post("/oauth/token", data=data, auth=client.basic)


def refresh(site: Site, client: Registered, answer: TestResponse, *resources: str) -> TestResponse:
    """A refresh with the answer's refresh token."""
    token = answer.get_json()["refresh_token"]
    return ask(site, client, *resources, grant_type="refresh_token", refresh_token=token)


def audience(site: Site, client: Registered, answer: TestResponse) -> object:
    """The audience that introspection reports for the token."""
    members = site.post("/oauth/introspect", client, token=answer.get_json()["access_token"]).get_json()
    assert members["active"]
    return members["aud"]


class TestRequestedResource:
    """Section 2: the parameter."""

    def test_resource_is_the_audience(self, faked: Site, program: Registered) -> None:
        """One resource is the token's audience."""
        assert audience(faked, program, ask(faked, program, GRADES)) == GRADES

    def test_resource_may_repeat(self, faked: Site, program: Registered) -> None:
        """The parameter may repeat; a repeated resource counts once."""
        assert audience(faked, program, ask(faked, program, GRADES, URN, GRADES)) == [GRADES, URN]

    @pytest.mark.parametrize("resources", [(), ("",)])
    def test_audience_without_resource_is_this_server(
        self, faked: Site, program: Registered, resources: tuple[str, ...]
    ) -> None:
        """Without a resource, or with an empty one, the token is only for this server (RFC 9068, 3)."""
        assert audience(faked, program, ask(faked, program, *resources)) == ISSUER

    def test_client_credentials_token_has_the_audience(self, faked: Site, program: Registered) -> None:
        """A client credentials token is for the requested resource too."""
        answer = ask(faked, program, FILES, grant_type="client_credentials")
        assert audience(faked, program, answer) == FILES

    @pytest.mark.parametrize(
        "resource",
        [
            "https://other.example",
            f"{GRADES}/",
            f"{GRADES}#",
            f"{GRADES}#part",
            f"{GRADES}?a=b",
            GRADES.upper(),
            f"{GRADES} {FILES}",
            f" {GRADES}",
            "/api",
            "grades",
            "%",
            "x" * 10_000,
        ],
    )
    def test_unregistered_resource_is_invalid_target(
        self, faked: Site, fake: FakeDirectory, program: Registered, resource: str
    ) -> None:
        """A resource that the client is not registered for is refused before the directory is asked."""
        assert status_and_error(ask(faked, program, resource)) == INVALID_TARGET
        assert status_and_error(ask(faked, program, GRADES, resource)) == INVALID_TARGET
        assert (fake.asked, rows(faked, "grant")) == ([], [])

    def test_client_without_audiences_gets_this_server_only(self, faked: Site) -> None:
        """A client without audiences may request only this server."""
        client = faked.register()
        assert status_and_error(ask(faked, client, GRADES)) == INVALID_TARGET
        assert audience(faked, client, ask(faked, client, ISSUER)) == ISSUER

    def test_resource_in_the_url_is_refused(self, faked: Site, program: Registered) -> None:
        """Like every parameter, `resource` is accepted only in the body."""
        form = {"grant_type": "client_credentials"}
        answer = faked.http.post(f"/oauth/token?resource={GRADES}", data=form, auth=program.basic)
        assert status_and_error(answer) == INVALID_REQUEST


class TestRefresh:
    """Section 2.2: the resources of the grant, or some of them."""

    def test_refresh_without_resource_keeps_the_audience(self, faked: Site, program: Registered) -> None:
        """Without a resource, the new token has the audience of the grant."""
        second = refresh(faked, program, ask(faked, program, GRADES, FILES))
        assert audience(faked, program, second) == [GRADES, FILES]

    def test_refresh_narrows_only_its_own_token(self, faked: Site, program: Registered) -> None:
        """A refresh with fewer resources narrows only its own access token."""
        second = refresh(faked, program, ask(faked, program, GRADES, FILES), FILES)
        assert audience(faked, program, second) == FILES
        assert audience(faked, program, refresh(faked, program, second)) == [GRADES, FILES]

    @pytest.mark.parametrize("granted", [(), (GRADES,)])
    def test_refresh_cannot_exceed_the_grant(
        self, faked: Site, program: Registered, granted: tuple[str, ...]
    ) -> None:
        """A resource beyond the grant is refused, and the refresh token stays valid."""
        first = ask(faked, program, *granted)
        assert status_and_error(refresh(faked, program, first, URN)) == INVALID_TARGET
        assert status_and_error(refresh(faked, program, first, *granted)) == OK

    def test_refresh_keeps_this_server_as_audience(self, faked: Site, program: Registered) -> None:
        """A grant for this server stays for this server."""
        assert audience(faked, program, refresh(faked, program, ask(faked, program))) == ISSUER

    def test_resource_removed_from_the_client_is_left_out(self, faked: Site, program: Registered) -> None:
        """A resource that was removed from the client is left out; if none is left, it is refused."""
        first = ask(faked, program, GRADES, FILES)
        faked.run("client", "update", program.client_id, "--audience", FILES)
        second = refresh(faked, program, first)
        assert audience(faked, program, second) == FILES
        faked.run("client", "update", program.client_id, "--audience", "")
        assert status_and_error(refresh(faked, program, second)) == INVALID_TARGET


class TestDefaultAudience:
    """`--default-audience`: the resources of a program that cannot send the parameter."""

    @pytest.fixture
    def fixed(self, faked: Site, program: Registered) -> Registered:
        """The program with a default audience."""
        faked.run("client", "update", program.client_id, "--default-audience", GRADES)
        return program

    @pytest.mark.parametrize("resources", [(), ("",)])
    def test_request_without_resource_gets_the_default(
        self, faked: Site, fixed: Registered, resources: tuple[str, ...]
    ) -> None:
        """Without a resource, or with an empty one, the default audience is that of the token."""
        assert audience(faked, fixed, ask(faked, fixed, *resources)) == GRADES
        own = ask(faked, fixed, *resources, grant_type="client_credentials")
        assert audience(faked, fixed, own) == GRADES

    @pytest.mark.parametrize("resources", [(FILES,), (ISSUER,), (GRADES, URN)])
    def test_requested_resource_replaces_the_default(
        self, faked: Site, fixed: Registered, resources: tuple[str, ...]
    ) -> None:
        """A request that names resources gets these, and the issuer too if it names that."""
        expected = list(resources) if len(resources) > 1 else resources[0]
        assert audience(faked, fixed, ask(faked, fixed, *resources)) == expected

    def test_refresh_keeps_the_default_of_the_login(self, faked: Site, fixed: Registered) -> None:
        """A later default changes no earlier grant, with or without a default."""
        first = ask(faked, fixed)
        faked.run("client", "update", fixed.client_id, "--default-audience", "")
        without = ask(faked, fixed)
        faked.run("client", "update", fixed.client_id, "--default-audience", FILES)
        assert audience(faked, fixed, refresh(faked, fixed, first)) == GRADES
        assert audience(faked, fixed, refresh(faked, fixed, without)) == ISSUER

    @pytest.mark.parametrize("alg", ["RS256", "ES256"])
    def test_jwt_has_the_default(self, faked: Site, fixed: Registered, alg: str) -> None:
        """A JWT has the default as its `aud`, so that an API can check it by itself (RFC 9068, 3)."""
        faked.run("client", "update", fixed.client_id, "--access-token-format", alg)
        answer = ask(faked, fixed)
        tokens = [answer, refresh(faked, fixed, answer), ask(faked, fixed, grant_type="client_credentials")]
        for each in tokens:
            payload = each.get_json()["access_token"].split(".")[1]
            assert json.loads(urlsafe_b64decode(payload + "=="))["aud"] == GRADES

    def test_default_may_name_several_and_the_issuer(self, faked: Site, fixed: Registered) -> None:
        """With the issuer among its default, a program can also use this server's own resources."""
        options = ("--default-audience", f"{ISSUER} {GRADES}", "--default-audience", GRADES)
        faked.run("client", "update", fixed.client_id, *options)
        answer = ask(faked, fixed)
        assert audience(faked, fixed, answer) == [ISSUER, GRADES]
        assert faked.get("/api/me", answer.get_json()["access_token"]).status_code == 200

    @pytest.mark.parametrize("uri", ["https://other.example", f"{GRADES}/", "grades"])
    def test_default_beyond_the_registration_is_refused(
        self, faked: Site, fixed: Registered, uri: str
    ) -> None:
        """A default must be a resource that the client may request."""
        refused = faked.run("client", "update", fixed.client_id, "--default-audience", uri, status=1)
        assert (
            f"The default audience '{uri}' must be one of the client's audiences, or the issuer." in refused
        )
        assert audience(faked, fixed, ask(faked, fixed)) == GRADES

    def test_audience_of_the_default_cannot_be_removed(self, faked: Site, fixed: Registered) -> None:
        """An update that takes the default from the client's audiences is refused."""
        refused = faked.run("client", "update", fixed.client_id, "--audience", FILES, status=1)
        assert "The default audience" in refused
        faked.run("client", "update", fixed.client_id, "--audience", FILES, "--default-audience", "")
        assert audience(faked, fixed, ask(faked, fixed)) == ISSUER

    def test_api_with_the_audience_sees_the_token(self, faked: Site, fixed: Registered) -> None:
        """A program that sends no resource gets a token for its API only (RFC 8707, 2)."""
        token = ask(faked, fixed).get_json()["access_token"]
        for uri, active in ((GRADES, True), (FILES, False)):
            api = faked.register("an API", "--resource-server", "--audience", uri, grant="")
            assert faked.post("/oauth/introspect", api, token=token).get_json()["active"] is active
        assert faked.get("/api/me", token).status_code == 401


class TestResourcesOfThisServer:
    """Section 2 and RFC 9068, 4: a resource refuses tokens that are not for it."""

    @pytest.mark.parametrize("path", ["/api/me", "/oauth/userinfo", "/userinfo", "/echo/v1/echo/x"])
    def test_token_for_others_is_refused(self, faked: Site, program: Registered, path: str) -> None:
        """A token for another API opens none of this server's resources: invalid_token."""
        answer = faked.get(path, ask(faked, program, GRADES, FILES).get_json()["access_token"])
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_token")

    @pytest.mark.parametrize("path", ["/api/me", "/oauth/userinfo"])
    @pytest.mark.parametrize("resources", [(), (ISSUER,), (GRADES, ISSUER)])
    def test_token_for_this_server_opens_its_resources(
        self, faked: Site, program: Registered, path: str, resources: tuple[str, ...]
    ) -> None:
        """A token for this server opens its resources, whatever other audiences it has."""
        token = ask(faked, program, *resources).get_json()["access_token"]
        assert faked.get(path, token).status_code == 200
