"""Extensions: grants, hooks and methods of client authentication, registered from outside (Authlib)."""

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidGrantError
from werkzeug.test import TestResponse

from cli.services import services_of
from login import DirectoryUnavailable, InvalidCredentials, Refusal
from models import Registration
from oauth import Server
from oauth.clients.authentication import NotProven, OAuthClient, QueryClient
from oauth.grants.pipeline import Grant
from oauth.token_request import TokenRequest
from tests.conftest import Registered, Site
from tests.fakes import ALICE, OPERATOR
from tests.faults import rows
from tests.oauth.answers import (
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    INVALID_TARGET,
    OK,
    UNAUTHORIZED_CLIENT,
    UNAVAILABLE,
    status_and_error,
)

STUB = "urn:example:stub"
ELSEWHERE = "192.0.2.7"


class StubGrant(Grant):
    """A grant that fills in nothing but its own step: it exchanges the code `good` for a token of Alice's."""

    GRANT_TYPE = STUB
    REQUIRED = ("code",)
    PARAMETERS = frozenset({"grant_type", "code", "scope"})
    person = ALICE

    def read_credential(self) -> None:
        """Refuse any code but `good`."""
        if self.request.form["code"] != "good":
            raise InvalidGrantError

    def find_person(self) -> Any:
        """Return the person of the code, without the database or the directory."""
        return self.person


def server_of(site: Site) -> Server:
    """The server of a site."""
    server: Server = site.app.extensions[Server.NAME]
    return server


def register(site: Site, **members: Any) -> Registered:
    """A client with the stub grant, past the checks of the command line."""
    registration = Registration(
        **{"client_name": "stub", "grant_types": (STUB,), "scope": "profile", **members}
    )
    with site.app.app_context():
        client, secret = services_of(site.app).clients.create(registration, actor=OPERATOR)
    return Registered(client.client_id, secret or "")


def ask(site: Site, client: Registered, **parameters: str) -> TestResponse:
    """A request with the stub grant."""
    return site.post("/oauth/token", client, **{"grant_type": STUB, "code": "good", **parameters})


class TestExtension:
    """`register_grant(Grant, extensions)` (Authlib)."""

    @pytest.mark.parametrize("hook", ["after_validate_token_request", "before_create_token_response"])
    def test_extension_that_raises_stops_the_grant(self, faked: Site, hook: str) -> None:
        """An extension such as PKCE refuses a request by an error, and nothing is issued (RFC 7636, 4.6)."""

        def refuse(grant: Grant, *_: object) -> None:
            raise InvalidGrantError("Code challenge failed.")

        server_of(faked).register_grant(StubGrant, [lambda grant: grant.register_hook(hook, refuse)])
        answer = ask(faked, register(faked))
        assert status_and_error(answer) == INVALID_GRANT
        assert answer.get_json()["error_description"] == "Code challenge failed."
        assert rows(faked, "grant") == []

    def test_extension_sees_the_client_and_adds_to_the_answer(self, faked: Site) -> None:
        """An extension such as that for ID tokens adds a member to the response."""

        def add(grant: Grant, response: tuple[int, dict[str, object], object]) -> None:
            response[1]["added_for"] = grant.client.get_client_id()

        hook = "after_create_token_response"
        server_of(faked).register_grant(StubGrant, [lambda grant: grant.register_hook(hook, add)])
        client = register(faked)
        answer = ask(faked, client)
        assert (status_and_error(answer), answer.get_json()["added_for"]) == (OK, client.client_id)


class TestPipeline:
    """A grant gets the shared steps, in their order, without a line of its own."""

    @pytest.fixture(autouse=True)
    def _stub(self, faked: Site) -> None:
        server_of(faked).register_grant(StubGrant)

    def test_grant_issues_and_is_audited(self, faked: Site) -> None:
        """Tokens, grant and audit row are stored, and the log has the event."""
        client = register(faked)
        assert status_and_error(ask(faked, client)) == OK
        assert [row["origin"] for row in rows(faked, "grant")] == [STUB]
        issued = [row for row in rows(faked, "audit_event") if row["event"] == "token.issued"]
        assert [row["client_id"] for row in issued] == [client.client_id]
        assert "token.issued" in [line["event"] for line in faked.log_lines()]

    def test_each_step_comes_before_the_next(self, faked: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        """A request with every mistake is refused by the first step. That mended, the next one refuses."""
        refused = replace(ALICE, affiliations=("student",))
        monkeypatch.setattr(StubGrant, "person", refused)
        rules = {"refuse_members": ("affiliation:student",), "networks": (ELSEWHERE,)}
        members: dict[str, Any] = {"grant_types": ("password",), "restrictions": rules}
        wrong = {"code": "", "scope": "beyond", "resource": "https://beyond.example"}
        assert status_and_error(ask(faked, Registered("unknown", "secret"), **wrong)) == INVALID_CLIENT
        assert status_and_error(ask(faked, register(faked, **members), **wrong)) == UNAUTHORIZED_CLIENT
        members.pop("grant_types")
        client = register(faked, **members)
        assert status_and_error(ask(faked, client, **wrong)) == INVALID_REQUEST
        wrong["code"] = "bad"
        assert status_and_error(ask(faked, client, **wrong)) == INVALID_GRANT
        wrong.pop("code")
        assert status_and_error(ask(faked, client, **wrong)) == INVALID_SCOPE
        wrong.pop("scope")
        assert status_and_error(ask(faked, client, **wrong)) == INVALID_TARGET
        wrong.pop("resource")
        assert (status_and_error(ask(faked, client)), reason(faked)) == (
            INVALID_GRANT,
            Refusal.NOT_FROM_HERE.value,
        )
        rules.pop("networks")
        assert (status_and_error(ask(faked, register(faked, **members))), reason(faked)) == (
            INVALID_GRANT,
            Refusal.NOT_ALLOWED.value,
        )
        assert rows(faked, "grant") == []
        monkeypatch.setattr(StubGrant, "person", ALICE)
        assert status_and_error(ask(faked, register(faked, **members))) == OK

    def test_scope_rules_apply(self, faked: Site) -> None:
        """A person who meets no rule of a scope does not get it, whatever the grant."""
        faked.run("scope", "create", "payroll", "--needs", "affiliation:staff-of-payroll")
        assert status_and_error(ask(faked, register(faked, scope="payroll"))) == INVALID_SCOPE
        assert ask(faked, register(faked, scope="payroll profile")).get_json()["scope"] == "profile"

    @pytest.mark.parametrize(
        ("outcome", "answer"),
        [
            (InvalidCredentials(Refusal.DISABLED), INVALID_GRANT),
            (DirectoryUnavailable("away"), UNAVAILABLE),
        ],
    )
    def test_outcome_of_the_own_step_is_answered(
        self, faked: Site, monkeypatch: pytest.MonkeyPatch, outcome: Exception, answer: tuple[int, str]
    ) -> None:
        """A refusal is `invalid_grant`, an outage 503."""

        def fail(_: Grant) -> None:
            raise outcome

        monkeypatch.setattr(StubGrant, "find_person", fail)
        assert status_and_error(ask(faked, register(faked))) == answer

    @pytest.mark.parametrize("step", ["validate_token_request", "create_token_response"])
    def test_grant_cannot_replace_the_steps(self, step: str) -> None:
        """A class that overrides the order of the steps cannot be defined."""
        with pytest.raises(TypeError, match=f"may not override {step}"):
            type("Shortcut", (StubGrant,), {step: lambda _: None})

    def test_grant_without_its_own_step_is_refused(self, faked: Site) -> None:
        """A grant that forgets its own step issues nothing, not even a token of the client's own."""
        server_of(faked).register_grant(type("Empty", (Grant,), {"GRANT_TYPE": "urn:example:empty"}))
        client = register(faked, grant_types=("urn:example:empty",))
        assert ask(faked, client, grant_type="urn:example:empty").status_code == 503
        assert faked.log_lines()[-1]["exception"] == "NotImplementedError"
        assert rows(faked, "grant") == []


def reason(site: Site) -> str:
    """The reason of the last refusal in the log."""
    return str([line["reason"] for line in site.log_lines() if line["event"] == "grant.refused"][-1])


def signed(query_client: QueryClient, request: TokenRequest) -> OAuthClient | None:
    """A method that proves the client by a header, as `private_key_jwt` would by an assertion."""
    header = request.headers.get("X-Signed")
    if header is None:
        return None
    client_id, _, signature = header.partition(":")
    client = query_client(client_id)
    if client is None or not hmac.compare_digest(signature, "right"):
        raise NotProven("wrong signature", client_id, client)
    return client


def signed_in_authlibs_way(query_client: QueryClient, request: TokenRequest) -> OAuthClient | None:
    """The same, with the error that Authlib's own methods raise."""
    try:
        return signed(query_client, request)
    except NotProven:
        raise InvalidClientError(description="A sentence of Authlib's.") from None


class TestClientAuthenticationMethod:
    """`register_client_auth_method(name, function)` (Authlib)."""

    @pytest.fixture(params=[signed, signed_in_authlibs_way])
    def client(self, faked: Site, request: pytest.FixtureRequest) -> Registered:
        """A client that is registered with the method `signed`, by its command."""
        server_of(faked).register_client_auth_method("signed", request.param)
        return faked.register("a signing program", "--auth-method", "signed")

    @pytest.fixture
    def present(self, faked: Site) -> Callable[..., TestResponse]:
        """Ask for a token with the header and these parameters."""

        def request(header: str, **parameters: str) -> TestResponse:
            form = {"grant_type": "password", "username": "alice", "password": "alice-password", **parameters}
            return faked.http.post("/oauth/token", data=form, headers={"X-Signed": header})

        return request

    def test_method_authenticates(
        self, faked: Site, client: Registered, present: Callable[..., TestResponse]
    ) -> None:
        """The registered function proves the client, with or without the client's id in the form."""
        assert status_and_error(present(f"{client.client_id}:right")) == OK
        assert status_and_error(present(f"{client.client_id}:right", client_id=client.client_id)) == OK
        assert [row["client_id"] for row in rows(faked, "grant")] == [client.client_id] * 2

    @pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect"])
    def test_every_endpoint_accepts_the_method(self, faked: Site, client: Registered, path: str) -> None:
        """A method is registered once, and holds at the token, revocation and introspection endpoints."""
        form = {"grant_type": "password", "username": "alice", "password": "alice-password", "token": "x"}
        right, wrong = (
            faked.http.post(path, data=form, headers={"X-Signed": f"{client.client_id}:{signature}"})
            for signature in ("right", "wrong")
        )
        assert (status_and_error(right), status_and_error(wrong)) == (OK, INVALID_CLIENT)

    @pytest.mark.parametrize("endpoint", ["token", "revocation", "introspection"])
    def test_metadata_names_the_method(self, faked: Site, client: Registered, endpoint: str) -> None:
        """The metadata names a registered method at each endpoint (RFC 8414, 2)."""
        document = faked.http.get("/.well-known/oauth-authorization-server").get_json()
        assert "signed" in document[f"{endpoint}_endpoint_auth_methods_supported"]

    def test_failures_get_the_one_answer_and_the_log_the_cause(
        self, faked: Site, client: Registered, present: Callable[..., TestResponse]
    ) -> None:
        """A wrong proof, an unknown client and a disabled client are answered alike (RFC 6749, 5.2)."""
        wrong, unknown = present(f"{client.client_id}:wrong"), present("nobody:right")
        faked.run("client", "disable", "--yes", client.client_id)
        disabled = present(f"{client.client_id}:right")
        assert (
            status_and_error(wrong)
            == status_and_error(unknown)
            == status_and_error(disabled)
            == INVALID_CLIENT
        )
        assert wrong.data == unknown.data == disabled.data
        assert b"Authlib" not in wrong.data
        refused = [line for line in faked.log_lines() if line["event"] == "request.refused"]
        assert refused[-1]["reason"] == "disabled"

    def test_method_beside_a_secret_is_refused(
        self, faked: Site, client: Registered, present: Callable[..., TestResponse]
    ) -> None:
        """A request may use one method only (RFC 6749, 2.3)."""
        answer = present(f"{client.client_id}:right", client_id=client.client_id, client_secret=client.secret)
        assert status_and_error(answer) == INVALID_REQUEST
        assert rows(faked, "grant") == []

    def test_client_of_another_method_is_refused(
        self, faked: Site, client: Registered, present: Callable[..., TestResponse]
    ) -> None:
        """A client authenticates by the method that it is registered with, not by another one."""
        other = faked.register("with a secret")
        assert status_and_error(present(f"{other.client_id}:right")) == INVALID_CLIENT
        assert status_and_error(faked.ask_token(client)) == INVALID_CLIENT

    def test_failures_are_counted(
        self, make_site: Callable[..., Site], fake: Any, present: Callable[..., TestResponse]
    ) -> None:
        """Wrong proofs of a further method count against the address as wrong secrets do."""
        site = make_site(fake, NETID_LIMIT_AUTHENTICATION_ADDRESS="3/hour")
        server_of(site).register_client_auth_method("signed", signed)
        client = register(site, token_endpoint_auth_method="signed", grant_types=("password",))
        form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
        headers = {"X-Signed": f"{client.client_id}:wrong"}
        statuses = [site.http.post("/token", data=form, headers=headers).status_code for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]


def test_method_registered_for_commands_is_known_to_the_server(faked: Site) -> None:
    """Commands run without a server; a method that is registered for both holds for both."""
    services_of(faked.app).client_auth.register("signed", signed)
    client = faked.register("a signing program", "--auth-method", "signed")
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    headers = {"X-Signed": f"{client.client_id}:right"}
    assert status_and_error(faked.http.post("/oauth/token", data=form, headers=headers)) == OK


def test_client_cannot_be_registered_with_an_unregistered_method(faked: Site) -> None:
    """The refusal names the methods that the server has registered, further ones too (RFC 7591, 2)."""
    server_of(faked).register_client_auth_method("signed", signed)
    refused = faked.run("client", "create", "a program", "--auth-method", "unknown", status=1)
    assert "must be one of client_secret_basic, client_secret_post, none, signed." in refused


def test_unknown_grant_type_is_not_repeated(faked: Site) -> None:
    """Authlib's error would repeat the requested grant type (RFC 6749, 5.2)."""
    answer = faked.ask_token(faked.register(), grant_type="urn:example:unknown")
    assert answer.get_json() == {
        "error": "unsupported_grant_type",
        "error_description": "This server does not offer this grant type.",
    }
