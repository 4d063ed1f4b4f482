"""What the OpenID certification tries: Basic OP, Config OP, Form Post OP and RP-Initiated Logout OP.

Each test follows one or more modules of the conformance suite, whose names are in the ids or docstrings. The
client is registered as the suite's instructions say: confidential, without PKCE, with every standard scope.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from werkzeug.test import TestResponse

from tests.conftest import NOON, Registered, Site
from tests.web.signin.visitor import CALLBACK, Visitor, page_of, parameters_of, register, request_of

ISSUER = "https://localhost:8443"
AFTER = "https://app.example/signed-out"
SCOPES = "openid profile email address phone offline_access"
WITHOUT_PKCE = {"code_challenge": "", "code_challenge_method": ""}
LATER = 1.5
"""Seconds: the suite waits for one, and its own requests take some time."""


@dataclass
class Suite:
    """A client of the suite, and a browser whose user types and allows whatever a page asks for."""

    site: Site
    client: Registered
    browser: Visitor
    sign_ins: int = 0

    def ask(self, *, method: str = "GET", **parameters: str) -> dict[str, str]:
        """The parameters that come back from an authorization request."""
        return parameters_of(self._answer(self._opened(method, parameters)))

    def tokens(self, proof: str = "client_secret_basic", **parameters: str) -> dict[str, Any]:
        """The token response after an authorization request."""
        return self.exchange(self.ask(**parameters)["code"], proof).get_json()  # type: ignore[no-any-return]

    def exchange(self, code: str, proof: str = "client_secret_basic") -> TestResponse:
        """A token request, with the client's secret in the header or in the body."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
        if proof == "client_secret_basic":
            return self.site.http.post("/oauth/token", data=form, auth=self.client.basic)
        secret = {"client_id": self.client.client_id, "client_secret": self.client.secret}
        return self.site.http.post("/oauth/token", data={**form, **secret})

    def claims(self, id_token: str) -> dict[str, Any]:
        """The claims of an ID token that RS256 signs, as every client must be able to verify."""
        keys = KeySet.import_key_set(self.site.http.get("/.well-known/jwks.json").get_json())
        return dict(jwt.decode(id_token, keys, algorithms=["RS256"]).claims)

    def userinfo(self, token: str) -> Mapping[str, Any]:
        """What userinfo says."""
        answer: Mapping[str, Any] = self.site.get("/oauth/userinfo", token).get_json()
        return answer

    def _opened(self, method: str, parameters: Mapping[str, str]) -> TestResponse:
        wanted = request_of(self.client, **{**WITHOUT_PKCE, "nonce": "a nonce", **parameters})
        if method == "POST":
            return self.browser.follow(self.browser.post("/oauth/authorize", wanted))
        return self.browser.follow(self.browser.get("/oauth/authorize", **wanted))

    def _answer(self, page: TestResponse) -> TestResponse:
        if page.status_code == 200 and "sign-in" in page_of(page).ids:
            self.sign_ins += 1
            page = self.browser.sign_in(page)
        if page.status_code == 200 and "allow" in page_of(page).ids:
            page = self.browser.allow(page)
        return page


@pytest.fixture
def suite(site: Site) -> Suite:
    """A client at `site`."""
    options = ("--grant", "refresh_token", "--pkce", "optional", "--post-logout-redirect-uri", AFTER)
    return Suite(site, register(site, "Suite", *options, scope=SCOPES), Visitor(site))


def test_metadata_has_what_a_client_configures_itself_by(site: Site) -> None:
    """oidcc-discovery-endpoint-verification (Discovery 1.0, 3)."""
    told = site.http.get("/.well-known/openid-configuration").get_json()
    assert told["issuer"] == ISSUER
    for endpoint in ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"):
        assert told[endpoint].startswith(f"{ISSUER}/")
    assert told["end_session_endpoint"] == f"{ISSUER}/oauth/logout"
    assert told["response_types_supported"] == ["code"]
    assert set(told["response_modes_supported"]) == {"query", "form_post"}
    assert "RS256" in told["id_token_signing_alg_values_supported"]
    assert "public" in told["subject_types_supported"]
    assert set(SCOPES.split()) <= set(told["scopes_supported"])
    assert {"client_secret_basic", "client_secret_post"} <= set(told["token_endpoint_auth_methods_supported"])
    assert told["claims_parameter_supported"] is True
    # Where they are left out, `request_uri` counts as supported.
    assert (told["request_parameter_supported"], told["request_uri_parameter_supported"]) == (False, False)


def test_keys_are_public_and_have_ids_of_their_own(site: Site) -> None:
    """oidcc-server: nobody may find a private key, or two keys of one name (RFC 7517, 4.5)."""
    keys = site.http.get("/.well-known/jwks.json").get_json()["keys"]
    assert "RSA" in {key["kty"] for key in keys}
    assert len({key["kid"] for key in keys}) == len(keys)
    assert not any({"d", "p", "q", "dp", "dq", "qi", "k"} & set(key) for key in keys)


@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.parametrize("proof", ["client_secret_basic", "client_secret_post"])
def test_id_token_has_every_claim_that_clients_check(suite: Suite, mode: str, proof: str) -> None:
    """oidcc-server and oidcc-server-client-secret-post (Core 1.0, 2 and 3.1.3.6)."""
    tokens = suite.tokens(proof, response_mode=mode)
    assert tokens["token_type"] == "Bearer"
    claims = suite.claims(tokens["id_token"])
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, suite.client.client_id, "a nonce")
    assert claims["iat"] <= NOON < claims["exp"]
    half = sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == urlsafe_b64encode(half).decode().rstrip("=")
    assert suite.userinfo(tokens["access_token"])["sub"] == claims["sub"]


@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"nonce": ""},
        {"extra": "foobar"},
        {"display": "page"},
        {"display": "popup"},
        {"ui_locales": "se"},
        {"claims_locales": "se"},
        {"acr_values": "1 2"},
        {"login_hint": "buffy@suite.example"},
        {"method": "POST"},
    ],
    ids=lambda parameters: "-".join(map("-".join, parameters.items())),
)
def test_request_succeeds(suite: Suite, mode: str, parameters: dict[str, str]) -> None:
    """oidcc-ensure-request-…-succeeds, oidcc-display-…, …-locales and more: what we lack is ignored."""
    claims = suite.claims(suite.tokens(response_mode=mode, **parameters)["id_token"])
    assert claims.get("nonce", "") == parameters.get("nonce", "a nonce")


@pytest.mark.parametrize(
    ("scope", "names"),
    [
        ("openid profile", {"name", "given_name", "family_name", "preferred_username", "locale"}),
        ("openid email", {"email"}),
        ("openid address", {"address"}),
        ("openid phone", {"phone_number"}),
    ],
)
def test_scope_releases_its_claims(suite: Suite, scope: str, names: set[str]) -> None:
    """oidcc-scope-profile, -email, -address and -phone (Core 1.0, 5.4)."""
    tokens = suite.tokens(scope=scope)
    assert suite.userinfo(tokens["access_token"]).keys() == names | {"sub"}
    together = suite.tokens(scope="openid profile email address phone")
    assert suite.userinfo(together["access_token"]).keys() > names


def test_essential_claim_comes_without_its_scope(suite: Suite) -> None:
    """oidcc-claims-essential (Core 1.0, 5.5.1)."""
    claims = json.dumps({"userinfo": {"name": {"essential": True}}})
    assert suite.userinfo(suite.tokens(scope="openid", claims=claims)["access_token"])["name"]


def test_userinfo_takes_the_token_in_three_ways(suite: Suite) -> None:
    """oidcc-userinfo-get, -post-header and -post-body (Core 1.0, 5.3.1)."""
    token = suite.tokens()["access_token"]
    header = {"Authorization": f"Bearer {token}"}
    answers = [
        suite.site.http.get("/oauth/userinfo", headers=header),
        suite.site.http.post("/oauth/userinfo", headers=header),
        suite.site.http.post("/oauth/userinfo", data={"access_token": token}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len({answer.text for answer in answers}) == 1


@pytest.mark.parametrize("parameters", [{"prompt": "login"}, {"max_age": "1"}], ids=str)
def test_user_signs_in_again_if_the_client_asks(suite: Suite, parameters: dict[str, str]) -> None:
    """oidcc-prompt-login and oidcc-max-age-1: the second `auth_time` is later."""
    before = suite.claims(suite.tokens()["id_token"])
    suite.site.clock.now += LATER
    after = suite.claims(suite.tokens(**parameters)["id_token"])
    assert suite.sign_ins == 2
    assert (after["sub"], after["auth_time"]) == (before["sub"], before["auth_time"] + 1)


@pytest.mark.parametrize("asked", ["prompt", "max_age", "id_token_hint"])
def test_user_does_not_sign_in_again_without_need(suite: Suite, asked: str) -> None:
    """oidcc-prompt-none-logged-in, oidcc-max-age-10000 and oidcc-id-token-hint."""
    token = suite.tokens()["id_token"]
    suite.site.clock.now += LATER
    parameters: dict[str, dict[str, str]] = {
        "prompt": {"prompt": "none"},
        "max_age": {"max_age": "10000"},
        "id_token_hint": {"prompt": "none", "id_token_hint": token},
    }
    before, after = suite.claims(token), suite.claims(suite.tokens(**parameters[asked])["id_token"])
    assert suite.sign_ins == 1
    assert (after["sub"], after["auth_time"]) == (before["sub"], before["auth_time"])


@pytest.mark.parametrize("mode", ["query", "form_post"])
@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"prompt": "none"}, "login_required"),
        ({"response_type": ""}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://suite.example/request"}, "request_uri_not_supported"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_client_is_told_of_a_refusal(suite: Suite, mode: str, parameters: dict[str, str], error: str) -> None:
    """oidcc-prompt-none-not-logged-in, oidcc-response-type-missing, oidcc-unsigned-request-object-…."""
    told = suite.ask(response_mode=mode, **parameters)
    assert (told["error"], told["state"]) == (error, "a state")
    assert suite.sign_ins == 0


@pytest.mark.parametrize("redirect_uri", ["", f"{CALLBACK}?foo=bar", "https://other.example/callback"])
def test_wrong_address_gets_a_page(suite: Suite, redirect_uri: str) -> None:
    """oidcc-ensure-redirect-uri-in-authorization-request and oidcc-ensure-registered-redirect-uri."""
    page = suite.browser.open(suite.client, **WITHOUT_PKCE, redirect_uri=redirect_uri)
    assert page.status_code == 400
    assert page.mimetype == "text/html"


@pytest.mark.parametrize("seconds", [0, 30])
def test_second_use_of_a_code_ends_the_first(suite: Suite, seconds: int) -> None:
    """oidcc-codereuse and oidcc-codereuse-30seconds (RFC 6749, 4.1.2)."""
    code = suite.ask()["code"]
    token = suite.exchange(code).get_json()["access_token"]
    suite.site.clock.now += seconds
    again = suite.exchange(code)
    assert (again.status_code, again.get_json()["error"]) == (400, "invalid_grant")
    assert suite.site.get("/oauth/userinfo", token).status_code == 401


def test_refresh_token_gives_an_id_token_of_the_same_sign_in(suite: Suite) -> None:
    """oidcc-refresh-token (Core 1.0, 11 and 12.2). Another client cannot use it."""
    tokens = suite.tokens(scope=SCOPES, prompt="consent")
    before = suite.claims(tokens["id_token"])
    other = register(suite.site, "Other", "--grant", "refresh_token")
    refused = suite.site.refresh(other, tokens["refresh_token"])
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")
    suite.site.clock.now += LATER
    answer = suite.site.refresh(suite.client, tokens["refresh_token"])
    after = suite.claims(answer.get_json()["id_token"])
    assert {name: after[name] for name in ("iss", "sub", "aud", "auth_time")} == {
        name: before[name] for name in ("iss", "sub", "aud", "auth_time")
    }
    assert after["iat"] > before["iat"]


def modified(token: str) -> str:
    """An ID token whose signature is wrong."""
    return token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]


WAYS_OUT: Mapping[str, Callable[[str], dict[str, str]]] = {
    "rp-initiated-logout": lambda hint: {
        "id_token_hint": hint,
        "post_logout_redirect_uri": AFTER,
        "state": "s",
    },
    "no-state": lambda hint: {"id_token_hint": hint, "post_logout_redirect_uri": AFTER},
}
NO_WAYS_OUT: Mapping[str, Callable[[str], dict[str, str]]] = {
    "no-params": lambda _: {},
    "only-state": lambda _: {"state": "s"},
    "no-post-logout-redirect-uri": lambda hint: {"id_token_hint": hint, "state": "s"},
    "no-id-token-hint": lambda _: {"post_logout_redirect_uri": AFTER, "state": "s"},
    "bad-id-token-hint": lambda _: {"id_token_hint": "bad", "post_logout_redirect_uri": AFTER},
    "modified-id-token-hint": lambda hint: {
        "id_token_hint": modified(hint),
        "post_logout_redirect_uri": AFTER,
    },
    "bad-post-logout-redirect-uri": lambda hint: {
        "id_token_hint": hint,
        "post_logout_redirect_uri": "https://other.example/",
    },
    "query-added-to-post-logout-redirect-uri": lambda hint: {
        "id_token_hint": hint,
        "post_logout_redirect_uri": f"{AFTER}?foo=bar",
    },
}


@pytest.mark.parametrize("module", WAYS_OUT)
def test_logout_leads_back_and_ends_the_session(suite: Suite, module: str) -> None:
    """oidcc-rp-initiated-logout: then `prompt=none` finds nobody (RP-Initiated Logout 1.0, 2 and 3)."""
    asked = WAYS_OUT[module](suite.tokens()["id_token"])
    answer = suite.browser.follow(suite.browser.get("/oauth/logout", **asked))
    assert answer.headers["Location"] == AFTER + ("?state=s" if "state" in asked else "")
    assert suite.ask(prompt="none")["error"] == "login_required"


@pytest.mark.parametrize("module", NO_WAYS_OUT)
def test_logout_without_a_proven_address_stays_here(suite: Suite, module: str) -> None:
    """oidcc-rp-initiated-logout-…: a page of ours, by which the user can sign out (2 and 3)."""
    asked = NO_WAYS_OUT[module](suite.tokens()["id_token"])
    page = suite.browser.follow(suite.browser.get("/oauth/logout", **asked))
    assert page.status_code == 200
    if "logout" in page_of(page).ids:
        assert suite.browser.send(page).status_code == 200
    assert suite.ask(prompt="none")["error"] == "login_required"
