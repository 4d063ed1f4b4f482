"""Access tokens as JWTs (RFC 9068): their claims, and their checks at this server's endpoints."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from oauth import ACCESS, key_of
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE
from tests.faults import drop_table, rows
from tests.oauth.answers import UNAVAILABLE, status_and_error

ISSUER = "https://localhost:8443"
GRADES = "https://grades.example/api"
SCOPES = "profile email"


@pytest.fixture(params=["RS256", "ES256"])
def alg(request: pytest.FixtureRequest) -> str:
    """Each algorithm."""
    algorithm: str = request.param
    return algorithm


@pytest.fixture
def program(faked: Site, alg: str) -> Registered:
    """A client with JWTs and the refresh and client credentials grants."""
    options = ("--grant", "refresh_token client_credentials", "--scope", SCOPES, "--audience", GRADES)
    return faked.register("a program", *options, "--access-token-format", alg)


def verified(site: Site, token: str) -> jwt.Token:
    """A JWT that joserfc accepts with the keys that are served."""
    keys = KeySet.import_key_set(site.http.get("/.well-known/jwks.json").get_json())
    return jwt.decode(token, keys, algorithms=["RS256", "ES256"])


def introspected(site: Site, client: Registered, token: str) -> dict[str, Any]:
    """The answer of introspection to the token's own client."""
    members: dict[str, Any] = site.post("/oauth/introspect", client, token=token).get_json()
    return members


class TestContent:
    """RFC 9068, 2."""

    def test_header_has_type_and_key(self, faked: Site, program: Registered, alg: str) -> None:
        """The type is at+jwt, and the key is named (2.1)."""
        header = verified(faked, faked.token(program)).header
        keys = faked.http.get("/.well-known/jwks.json").get_json()["keys"]
        (kid,) = [key["kid"] for key in keys if key["alg"] == alg]
        assert header == {"typ": "at+jwt", "alg": alg, "kid": kid}

    def test_token_of_a_person_has_the_claims_of_the_rfc(self, faked: Site, program: Registered) -> None:
        """A person's token has the claims of 2.2 and the time of the login."""
        claims = verified(faked, faked.token(program, scope="profile")).claims
        assert claims.pop("jti")
        assert claims == {
            "iss": ISSUER,
            "exp": NOON + 600,
            "aud": ISSUER,
            "sub": ALICE.id,
            "client_id": program.client_id,
            "iat": NOON,
            "scope": "profile",
            "auth_time": NOON,
        }

    def test_own_token_of_a_client_has_the_client_as_sub(self, faked: Site, program: Registered) -> None:
        """A program's own token has the program as `sub`, and no `auth_time` (2.2)."""
        token = faked.post("/oauth/token", program, grant_type="client_credentials").get_json()[
            "access_token"
        ]
        claims = verified(faked, token).claims
        assert (claims["sub"], claims["client_id"]) == (program.client_id, program.client_id)
        assert "auth_time" not in claims

    def test_sub_is_the_pairwise_subject(self, faked: Site, alg: str) -> None:
        """A client with pairwise subjects gets the same `sub` everywhere, never the directory's id."""
        options = ("--pairwise-subject", "--id-token", "--scope", "openid", "--access-token-format", alg)
        client = faked.register("a program", *options)
        body = faked.ask_token(client).get_json()
        sub = verified(faked, body["access_token"]).claims["sub"]
        assert sub != ALICE.id
        assert sub == introspected(faked, client, body["access_token"])["sub"]
        assert sub == verified(faked, body["id_token"]).claims["sub"]

    def test_audience_is_the_requested_resource(self, faked: Site, program: Registered) -> None:
        """The audience is the requested resource (3; RFC 8707)."""
        assert verified(faked, faked.token(program, resource=GRADES)).claims["aud"] == GRADES

    def test_tokens_of_one_second_differ_in_jti(self, faked: Site, program: Registered) -> None:
        """Two tokens of one second differ in their jti (2.2)."""
        tokens = [verified(faked, faked.token(program)).claims["jti"] for _ in range(3)]
        assert len(set(tokens)) == 3

    @pytest.mark.parametrize(("ttl", "lives"), [("3600", 600), ("601", 600), ("77", 77)])
    def test_token_lives_ten_minutes_at_most(
        self, make_site: Callable[..., Site], alg: str, ttl: str, lives: int
    ) -> None:
        """It lives as long as other tokens, and never longer than ten minutes."""
        site = make_site(NETID_ACCESS_TOKEN_TTL=ttl)
        client = site.register("a program", "--access-token-format", alg)
        body = site.ask_token(client).get_json()
        assert body["expires_in"] == lives
        assert verified(site, body["access_token"]).claims["exp"] == NOON + lives

    def test_refresh_keeps_the_auth_time(self, faked: Site, program: Registered) -> None:
        """A refreshed token has the time of the login, not of the refresh (2.2.1)."""
        refresh = faked.ask_token(program).get_json()["refresh_token"]
        faked.clock.now += 1000
        claims = verified(faked, faked.refresh(program, refresh).get_json()["access_token"]).claims
        assert (claims["auth_time"], claims["iat"], claims["exp"]) == (NOON, NOON + 1000, NOON + 1600)

    def test_tokens_of_other_clients_stay_opaque(self, faked: Site, program: Registered) -> None:
        """The format of one client's tokens changes no other client's."""
        assert faked.token(faked.register("another")).startswith("nida_")

    def test_nothing_is_issued_without_a_signing_key(self, faked: Site, program: Registered) -> None:
        """Without a signing key nothing is issued: 503."""
        drop_table(faked, "signing_key")
        assert status_and_error(faked.ask_token(program)) == UNAVAILABLE
        assert rows(faked, "grant") == []


class TestEndpoints:
    """A JWT is looked up like any other token."""

    def test_token_opens_resources_until_its_end(self, faked: Site, program: Registered) -> None:
        """A JWT opens this server's resources until the second of its `exp`."""
        token = faked.token(program)
        assert faked.get("/api/me", token).get_json()["sub"] == ALICE.id
        faked.clock.now += 599
        assert faked.get("/api/me", token).status_code == 200
        faked.clock.now += 1
        assert faked.get("/api/me", token).status_code == 401

    def test_introspection_agrees_with_the_token(self, faked: Site, program: Registered) -> None:
        """Introspection answers with the claims of the token, its jti included (RFC 7662, 2.2)."""
        token = faked.token(program, resource=GRADES)
        members, claims = introspected(faked, program, token), verified(faked, token).claims
        same = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope")
        assert members["active"]
        assert {name: members[name] for name in same} == {name: claims[name] for name in same}

    def test_revoked_token_is_refused_at_once(self, faked: Site, program: Registered) -> None:
        """A revoked JWT is refused here at once, though its signature stays valid (RFC 7009)."""
        token = faked.token(program)
        assert faked.post("/oauth/revoke", program, token=token).status_code == 200
        assert introspected(faked, program, token) == {"active": False}
        assert faked.get("/api/me", token).status_code == 401
        assert verified(faked, token).claims["sub"] == ALICE.id

    def test_operator_revokes_a_token(self, faked: Site, program: Registered) -> None:
        """`flask token revoke` accepts a JWT."""
        token = faked.token(program)
        faked.run("token", "revoke", stdin=token)
        assert faked.get("/api/me", token).status_code == 401

    def test_only_the_digest_is_stored(self, faked: Site, program: Registered) -> None:
        """The key is the hour and the SHA-256 of a JWT. Neither the JWT nor its signature is stored."""
        token = faked.token(program)
        (row,) = rows(faked, "access_token")
        hour = ((NOON + 600) // 3600).to_bytes(3, "big")
        assert row["id"] == hour + sha256(token.encode()).digest() == key_of(ACCESS, token)

    def test_purge_deletes_an_expired_token(self, faked: Site, program: Registered) -> None:
        """An expired JWT is deleted like any token."""
        faked.token(program)
        faked.clock.now += 7200
        assert json.loads(faked.run("token", "purge", "--json"))["access_token"] == 1

    def test_no_part_of_a_token_is_logged(self, faked: Site, program: Registered) -> None:
        """No part of a JWT is logged."""
        token = faked.token(program)
        faked.get("/api/me", token)
        introspected(faked, program, token)
        assert not any(part in faked.log.getvalue() for part in token.split("."))


class TestLimits:
    """A token is short enough to travel in a header."""

    def test_longest_registration_can_be_issued(self, faked: Site, alg: str) -> None:
        """A client with the longest scope and audience gets a token that works."""
        scope = " ".join(f"scope-{number:04}" for number in range(134))
        audience = "https://api.example/" + "x" * 1500
        options = ("--scope", scope, "--audience", audience, "--access-token-format", alg)
        client = faked.register("a program", *options)
        form = {
            "grant_type": "password",
            "username": "alice",
            "password": "x",
            "resource": [audience, ISSUER],
        }
        body = faked.http.post("/oauth/token", data=form, auth=client.basic).get_json()
        assert len(scope + audience) > 2990
        assert len(body["access_token"]) < 8000
        assert faked.get("/api/me", body["access_token"]).status_code == 200

    def test_jti_has_128_bits(self, faked: Site, program: Registered) -> None:
        """The jti has 128 random bits, so nobody can guess it."""
        jti = verified(faked, faked.token(program)).claims["jti"]
        assert len(urlsafe_b64decode(jti + "==")) == 16
