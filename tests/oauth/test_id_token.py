"""ID tokens beside the password grant: off unless a client is registered for them and asks for `openid`."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from oauth.tokens.id_token import ID_TOKEN_CLAIMS
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE
from tests.faults import drop_table, rows
from tests.oauth.answers import UNAVAILABLE, status_and_error

Register = Callable[..., Registered]


@pytest.fixture
def register(faked: Site) -> Register:
    """Registers a client that may refresh, work on its own behalf, and have the scope `openid`."""

    def make(*options: str) -> Registered:
        grants = ("--grant", "refresh_token client_credentials")
        return faked.register("a portal", *grants, "--scope", "openid profile", *options)

    return make


def verified(site: Site, token: str) -> jwt.Token:
    """A JWT that joserfc accepts with the keys that are served."""
    keys = KeySet.import_key_set(site.http.get("/.well-known/jwks.json").get_json())
    return jwt.decode(token, keys, algorithms=["RS256", "ES256"])


def login(site: Site, client: Registered, **form: str) -> dict[str, Any]:
    """The answer to a login of alice."""
    answer: dict[str, Any] = site.ask_token(client, **form).get_json()
    return answer


def test_token_has_its_claims(faked: Site, register: Register) -> None:
    """The claims are issuer, user, client, times, method and the hash of the access token (Core, 2)."""
    client = register("--id-token")
    body = login(faked, client)
    token = verified(faked, body["id_token"])
    half = sha256(body["access_token"].encode()).digest()[:16]
    assert token.claims == {
        "iss": "https://localhost:8443",
        "sub": ALICE.id,
        "aud": client.client_id,
        "exp": NOON + 600,
        "iat": NOON,
        "auth_time": NOON,
        "amr": ["pwd"],
        "at_hash": urlsafe_b64encode(half).decode().rstrip("="),
    }
    assert tuple(token.claims) == tuple(name for name in ID_TOKEN_CLAIMS if name in token.claims)
    assert token.header["typ"] == "JWT"


@pytest.mark.parametrize(
    ("token_format", "alg"), [("opaque", "RS256"), ("RS256", "RS256"), ("ES256", "ES256")]
)
def test_algorithm_is_that_of_the_access_token(
    faked: Site, register: Register, token_format: str, alg: str
) -> None:
    """The algorithm is that of the client's access tokens, else RS256, which every client knows (Core, 2)."""
    body = login(faked, register("--id-token", "--access-token-format", token_format))
    assert verified(faked, body["id_token"]).header["alg"] == alg


def test_refresh_keeps_the_auth_time(faked: Site, register: Register) -> None:
    """A refresh issues another ID token with the time of the login (Core, 12.2)."""
    client = register("--id-token")
    refresh = login(faked, client)["refresh_token"]
    faked.clock.now += 1000
    body = faked.refresh(client, refresh).get_json()
    claims = verified(faked, body["id_token"]).claims
    assert (claims["auth_time"], claims["iat"], claims["sub"]) == (NOON, NOON + 1000, ALICE.id)


def test_replay_repeats_the_id_token(faked: Site, register: Register) -> None:
    """A lost answer is repeated exactly, with its ID token."""
    client = register("--id-token")
    refresh = login(faked, client)["refresh_token"]
    first = faked.refresh(client, refresh)
    assert faked.refresh(client, refresh).data == first.data
    assert "id_token" in first.get_json()


class TestNoIdToken:
    """Answers without an ID token."""

    def test_client_without_the_flag_gets_none(self, faked: Site, register: Register) -> None:
        """Without the flag, `openid` is a scope like any other."""
        body = login(faked, register())
        assert body["scope"] == "openid profile"
        assert "id_token" not in body

    def test_request_without_openid_gets_none(self, faked: Site, register: Register) -> None:
        """A request without `openid` gets no ID token (Core, 3.1.2.1)."""
        client = register("--id-token")
        body = login(faked, client, scope="profile")
        assert "id_token" not in body
        assert "id_token" not in faked.refresh(client, body["refresh_token"]).get_json()

    def test_refresh_without_openid_gets_none(self, faked: Site, register: Register) -> None:
        """A refresh with a scope without `openid` gets no ID token."""
        client = register("--id-token")
        answer = faked.refresh(client, login(faked, client)["refresh_token"], scope="profile")
        assert "id_token" not in answer.get_json()

    def test_client_credentials_get_none(self, faked: Site, register: Register) -> None:
        """With client credentials there is no login, so there is no ID token."""
        answer = faked.post("/oauth/token", register("--id-token"), grant_type="client_credentials")
        assert "id_token" not in answer.get_json()

    def test_removed_flag_counts_at_once(self, faked: Site, register: Register) -> None:
        """The next answer follows the changed registration."""
        client = register("--id-token")
        faked.run("client", "update", client.client_id, "--no-id-token")
        assert "id_token" not in login(faked, client)


def test_id_token_opens_no_resource(faked: Site, register: Register) -> None:
    """Resources refuse an ID token, and introspection does not know it (RFC 9068, 2.1)."""
    client = register("--id-token")
    token = login(faked, client)["id_token"]
    assert faked.get("/api/me", token).status_code == 401
    assert faked.post("/oauth/introspect", client, token=token).get_json() == {"active": False}


def test_nothing_is_issued_without_a_signing_key(faked: Site, register: Register) -> None:
    """If the ID token cannot be signed, nothing is issued: 503."""
    client = register("--id-token")
    drop_table(faked, "signing_key")
    assert status_and_error(faked.ask_token(client)) == UNAVAILABLE
    assert rows(faked, "grant") == []
