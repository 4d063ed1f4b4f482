"""What a user approves, and the tokens of it (OpenID Connect Core 1.0, 3.1.3 and 12)."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from authlib.oauth2 import OAuth2Error
from joserfc import jwt
from joserfc.jwk import KeySet

from login import InvalidCredentials, Person
from models import Approval, SessionStore, SignInSession
from oauth import RedirectedError, Server
from oauth.policy.acr import PASSWORD_ACR
from oauth.policy.approvals import PlainRequest
from oauth.tokens.session_ids import sid_of
from telemetry import AuditEvent
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows
from tests.oauth.authorizing import ISSUER, authorization_of, exchange, parameters_of, register

FULL = replace(
    ALICE,
    affiliations=("staff",),
    details={"given_name": "Alice", "phone_number": "+1 555 0100", "address": {"country": "US"}},
)
SESSION_ID = b"\x07" * 16
REFRESHING = ("--grant", "refresh_token", "--scope", "openid profile email phone offline_access")


@pytest.fixture
def fake() -> FakeDirectory:
    """A directory that accepts Alice, with details."""
    return FakeDirectory(FULL)


def session(**changed: Any) -> SignInSession:
    """Alice's sign-in, five seconds ago."""
    usual = SignInSession(
        id=SESSION_ID,
        directory="default",
        subject=ALICE.id,
        net_id="alice",
        person={},
        auth_time=NOON - 5,
        amr=("pwd",),
        acr=None,
        password_changed_at=ALICE.password_changed_at,
        created_at=NOON - 5,
        last_used_at=NOON,
        checked_at=NOON,
        expires_at=NOON + 3600,
        ended_at=None,
        address="192.0.2.1",
        user_agent="",
    )
    return usual._replace(**changed)


def begin_session(site: Site) -> None:
    """Store alice's sign-in."""
    with site.app.app_context():
        event = AuditEvent(event="session.began", at=NOON, subject=ALICE.id)
        SessionStore(site.clock).begin(session(), b"\x01" * 32, event, replaces=None)


def approved(site: Site, client: Registered, *, person: Person = FULL, **sent: str) -> str:
    """The code of a request that a person approves as a whole."""
    query = urlencode(parameters_of(client, **sent))
    with site.app.test_request_context(f"/oauth/authorize?{query}") as context:
        authorization, server = authorization_of(site), site.app.extensions[Server.NAME]
        request = authorization.read(context.request)
        approval = server.approvals.approval_of(request.client, person, session(), request, request.scope)
        return authorization.allow(request, approval).parameters["code"]


def approval_of(site: Site, client: Registered, person: Person, scope: str) -> Approval:
    """What a person approves for a device."""
    with site.app.app_context():
        server: Server = site.app.extensions[Server.NAME]
        registered = server.query_client(client.client_id).registered
        return server.approvals.approval_of(registered, person, session(), PlainRequest(), scope)


def tokens(site: Site, client: Registered, **sent: Any) -> dict[str, Any]:
    """The answer to a code that a person approved, in a stored session."""
    if not rows(site, "sign_in_session"):
        begin_session(site)
    answer = exchange(site, client, approved(site, client, **sent))
    assert answer.status_code == 200, answer.get_json()
    body: dict[str, Any] = answer.get_json()
    return body


def claims_in(site: Site, token: str) -> dict[str, Any]:
    """The claims of an ID token, whose signature the published keys verify."""
    keys = KeySet.import_key_set(site.http.get("/.well-known/jwks.json").get_json())
    return jwt.decode(token, keys, algorithms=["RS256", "ES256"]).claims


class TestIdToken:
    """The ID token beside a code's access token (Core, 2 and 3.1.3.6)."""

    def test_token_has_its_claims(self, faked: Site) -> None:
        """It has nonce, login time, class, methods, session and the hash of the access token."""
        client = register(faked)
        body = tokens(faked, client, nonce="a nonce")
        half = sha256(body["access_token"].encode()).digest()[:16]
        assert claims_in(faked, body["id_token"]) == {
            "iss": ISSUER,
            "sub": ALICE.id,
            "aud": client.client_id,
            "exp": NOON + 600,
            "iat": NOON,
            "auth_time": NOON - 5,
            "nonce": "a nonce",
            "acr": PASSWORD_ACR,
            "amr": ["pwd"],
            "at_hash": urlsafe_b64encode(half).decode().rstrip("="),
            "sid": sid_of(SESSION_ID, client.client_id),
        }

    def test_nonce_is_left_out_if_the_client_sent_none(self, faked: Site) -> None:
        """The nonce is optional in the code flow (3.1.2.1)."""
        assert "nonce" not in claims_in(faked, tokens(faked, register(faked))["id_token"])

    def test_request_without_openid_gets_none(self, faked: Site) -> None:
        """Plain OAuth gets no ID token, whatever else was sent (3.1.2.1)."""
        assert "id_token" not in tokens(faked, register(faked), scope="profile", nonce="n")

    def test_sub_is_that_of_userinfo(self, faked: Site) -> None:
        """A client compares both (5.3.2), also where its subjects are pairwise."""
        for options in ((), ("--pairwise-subject",)):
            body = tokens(faked, register(faked, *options))
            userinfo = faked.get("/oauth/userinfo", body["access_token"]).get_json()
            assert claims_in(faked, body["id_token"])["sub"] == userinfo["sub"]
        assert userinfo["sub"] != ALICE.id

    def test_sessions_of_two_clients_cannot_be_compared(self, faked: Site) -> None:
        """Each client gets its own `sid`, and the same at the next code (Back-Channel Logout, 2.1)."""
        first, second = register(faked), register(faked)
        sids = [claims_in(faked, tokens(faked, each)["id_token"])["sid"] for each in (first, second, first)]
        assert sids[0] == sids[2] != sids[1]
        assert SESSION_ID.hex() not in str(sids)


class TestRefresh:
    """A refresh of a grant that a user approved (Core, 12)."""

    def test_id_token_keeps_the_sign_in(self, faked: Site) -> None:
        """Login time, subject, class, methods and session stay, and the nonce is left out (12.2)."""
        client = register(faked, *REFRESHING)
        first = tokens(faked, client, scope="openid offline_access", nonce="a nonce")
        faked.clock.now += 1000
        second = faked.refresh(client, first["refresh_token"]).get_json()
        before, after = (claims_in(faked, each["id_token"]) for each in (first, second))
        kept = ("iss", "sub", "aud", "auth_time", "acr", "amr", "sid")
        assert [after[name] for name in kept] == [before[name] for name in kept]
        assert (after["iat"], "nonce" in after) == (NOON + 1000, False)

    def test_replay_repeats_the_answer(self, faked: Site) -> None:
        """A lost answer is repeated exactly, with its ID token and the claims in it."""
        client = register(faked, *REFRESHING)
        claims = json.dumps({"id_token": {"given_name": None}})
        first = tokens(faked, client, scope="openid offline_access", claims=claims)
        answer = faked.refresh(client, first["refresh_token"])
        assert faked.refresh(client, first["refresh_token"]).data == answer.data
        assert claims_in(faked, answer.get_json()["id_token"])["given_name"] == "Alice"

    @pytest.mark.parametrize(
        ("scope", "is_given"),
        [("openid", False), ("openid offline_access", True), ("profile", True)],
    )
    def test_openid_clients_ask_for_a_refresh_token(self, faked: Site, scope: str, is_given: bool) -> None:  # noqa: FBT001
        """An OpenID client gets one by `offline_access` alone (11). Others need only be registered."""
        assert ("refresh_token" in tokens(faked, register(faked, *REFRESHING), scope=scope)) is is_given

    def test_client_that_may_not_refresh_gets_none(self, faked: Site) -> None:
        """`offline_access` is left out of its scope (11), so the answer says what it gets."""
        client = register(faked, "--scope", "openid offline_access")
        body = tokens(faked, client, scope="openid offline_access")
        assert (body["scope"], "refresh_token" in body) == ("openid", False)

    def test_requested_claims_follow_the_directory(self, faked: Site, fake: FakeDirectory) -> None:
        """Claims that were requested singly stay requested, with the values of now."""
        client = register(faked, *REFRESHING)
        claims = json.dumps({"userinfo": {"given_name": None}, "id_token": {"phone_number": None}})
        first = tokens(faked, client, scope="openid offline_access", claims=claims)
        fake.outcome = replace(FULL, details={"given_name": "Alicia", "phone_number": "+1 2"})
        second = faked.refresh(client, first["refresh_token"]).get_json()
        assert claims_in(faked, second["id_token"])["phone_number"] == "+1 2"
        userinfo = faked.get("/oauth/userinfo", second["access_token"]).get_json()
        assert userinfo == {"sub": ALICE.id, "given_name": "Alicia"}


class TestSingleClaims:
    """Claims that are requested by the parameter `claims` (Core, 5.5)."""

    CLAIMS = json.dumps({"userinfo": {"email": {"essential": True}}, "id_token": {"given_name": None}})

    def test_each_target_gets_its_own(self, faked: Site) -> None:
        """Userinfo gets those of `userinfo`, the ID token those of `id_token`, beside those of the scope."""
        body = tokens(faked, register(faked), scope="openid", claims=self.CLAIMS)
        userinfo = faked.get("/oauth/userinfo", body["access_token"]).get_json()
        assert userinfo == {"sub": ALICE.id, "email": "alice@campus.example"}
        id_token = claims_in(faked, body["id_token"])
        assert (id_token["given_name"], "email" in id_token) == ("Alice", False)

    def test_registered_scope_is_the_bound(self, faked: Site) -> None:
        """A claim is given only if the client is registered for a scope that releases it."""
        claims = json.dumps({"userinfo": {"phone_number": None, "email": None}})
        body = tokens(faked, register(faked), scope="openid", claims=claims)
        assert set(faked.get("/oauth/userinfo", body["access_token"]).get_json()) == {"sub", "email"}

    def test_rule_of_the_scope_applies(self, faked: Site) -> None:
        """The rules of a scope apply to its claims: the parameter is no way around them."""
        faked.run("scope", "create", "email", "--needs", "affiliation:faculty")
        body = tokens(faked, register(faked), scope="openid", claims=self.CLAIMS)
        assert set(faked.get("/oauth/userinfo", body["access_token"]).get_json()) == {"sub"}

    def test_list_of_the_client_is_the_bound(self, faked: Site) -> None:
        """A claim outside the client's list is neither stored nor released. A shorter list counts at once."""
        client = register(faked, "--release", "mail")
        body = tokens(faked, client, scope="openid", claims=self.CLAIMS)
        assert "given_name" not in claims_in(faked, body["id_token"])
        assert "Alice" not in str(rows(faked, "grant"))
        faked.run("client", "update", client.client_id, "--release", "name")
        assert set(faked.get("/oauth/userinfo", body["access_token"]).get_json()) == {"sub"}

    def test_list_that_was_shortened_before_the_exchange_is_the_bound(self, faked: Site) -> None:
        """The first ID token has only what the client may get now, as userinfo does."""
        client = register(faked, "--release", "mail given_name")
        begin_session(faked)
        code = approved(faked, client, scope="openid", claims=self.CLAIMS)
        faked.run("client", "update", client.client_id, "--release", "mail")
        body = exchange(faked, client, code).get_json()
        assert "given_name" not in claims_in(faked, body["id_token"])
        assert set(faked.get("/oauth/userinfo", body["access_token"]).get_json()) == {"sub", "email"}

    def test_private_person_gives_none(self, faked: Site) -> None:
        """A user who asked for privacy gives no claim, in neither target."""
        private = replace(FULL, private=True)
        body = tokens(faked, register(faked), scope="openid email", claims=self.CLAIMS, person=private)
        assert set(faked.get("/oauth/userinfo", body["access_token"]).get_json()) == {"sub"}
        assert "given_name" not in claims_in(faked, body["id_token"])
        assert "alice" not in str(rows(faked, "grant")).lower().replace(ALICE.id, "")

    def test_claims_of_the_token_itself_cannot_be_replaced(self, faked: Site) -> None:
        """A request for `aud` or `nonce` as claims changes nothing."""
        claims = json.dumps({"id_token": {"aud": {"value": "x"}, "nonce": None, "acr": None, "exp": None}})
        client = register(faked)
        id_token = claims_in(faked, tokens(faked, client, scope="openid", claims=claims)["id_token"])
        assert (id_token["aud"], "nonce" in id_token) == (client.client_id, False)

    def test_request_without_openid_gets_none(self, faked: Site) -> None:
        """The parameter is one of OpenID Connect: plain OAuth ignores it."""
        body = tokens(faked, register(faked), scope="profile", claims=self.CLAIMS)
        assert "email" not in faked.get("/oauth/userinfo", body["access_token"]).get_json()

    def test_sample_resource_gets_none(self, faked: Site) -> None:
        """They are for userinfo alone."""
        body = tokens(faked, register(faked), scope="openid", claims=self.CLAIMS)
        assert set(faked.get("/api/me", body["access_token"]).get_json()) == {"sub"}


class TestRules:
    """Each rule about people applies to what they approve."""

    def test_excluded_person_may_approve_nothing(self, faked: Site) -> None:
        """A rule of the client refuses the person; a page cannot forget it."""
        client = register(faked, "--allow-member", "affiliation:faculty")
        with pytest.raises(InvalidCredentials):
            approval_of(faked, client, FULL, "openid")

    def test_rule_of_a_scope_takes_it_away(self, faked: Site) -> None:
        """The person approves the rest (RFC 6749, 3.3)."""
        faked.run("scope", "create", "profile", "--needs", "affiliation:faculty")
        client = register(faked)
        assert approval_of(faked, client, FULL, "openid profile").scope == "openid"
        with pytest.raises(OAuth2Error) as refused:
            approval_of(faked, client, FULL, "profile")
        assert refused.value.error == "invalid_scope"

    @pytest.mark.parametrize(
        ("scope", "claims", "wants"),
        [
            ("openid", {}, False),
            ("openid groups", {}, True),
            ("openid", {"userinfo": {"groups": None}}, True),
            ("openid", {"id_token": {"email": None}}, False),
        ],
    )
    def test_groups_are_wanted_only_if_needed(
        self,
        faked: Site,
        scope: str,
        claims: dict[str, object],
        wants: bool,  # noqa: FBT001
    ) -> None:
        """A search for groups may cost the directory much."""
        client = register(faked, "--scope", "openid email groups")
        query = urlencode(parameters_of(client, scope=scope, claims=json.dumps(claims)))
        with faked.app.test_request_context(f"/oauth/authorize?{query}") as context:
            request = authorization_of(faked).read(context.request)
            approvals = faked.app.extensions[Server.NAME].approvals
            assert approvals.wants_groups(request.client, request.scope, request.claims) is wants

    def test_consent_is_asked_for_single_claims_too(self, faked: Site) -> None:
        """The scope of the consent page names what `claims` releases."""
        query = urlencode(parameters_of(register(faked), scope="openid", claims=TestSingleClaims.CLAIMS))
        with faked.app.test_request_context(f"/oauth/authorize?{query}") as context:
            request = authorization_of(faked).read(context.request)
        assert request.consent_scope.split() == ["openid", "email", "profile"]


class TestDemands:
    """Demands of the parameter `claims` that a sign-in must meet (Core, 5.5.1)."""

    def told(self, site: Site, claims: object, **sent: str) -> str:
        """The error that the client is told."""
        query = urlencode(parameters_of(register(site), claims=json.dumps(claims), **sent))
        site_context = site.app.test_request_context(f"/oauth/authorize?{query}")
        with site_context as context, pytest.raises(RedirectedError) as refused:
            authorization_of(site).read(context.request)
        return refused.value.error

    def test_essential_acr_that_no_sign_in_has_is_refused(self, faked: Site) -> None:
        """An essential `acr` that cannot be met is a failed authentication (5.5.1.1)."""
        claims = {"id_token": {"acr": {"essential": True, "values": ["https://refeds.org/profile/mfa"]}}}
        assert self.told(faked, claims) == "unmet_authentication_requirements"

    def test_sub_of_the_claims_is_the_hinted_user(self, faked: Site) -> None:
        """A `sub` with a value asks for that user alone, as an `id_token_hint` does."""
        claims = json.dumps({"id_token": {"sub": {"value": "somebody"}}})
        query = urlencode(parameters_of(register(faked), claims=claims))
        with faked.app.test_request_context(f"/oauth/authorize?{query}") as context:
            assert authorization_of(faked).read(context.request).hinted_sub == "somebody"
