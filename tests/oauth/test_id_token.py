"""ID tokens beside the password grant: off unless a client is registered for them and asks for `openid`."""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE
from tests.faults import drop_table, rows
from tests.oauth.answers import UNAVAILABLE, said

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


def test_claims(faked: Site, register: Register) -> None:
    """Issuer, person, client and times, how the person proved themselves, and the token beside (Core, 2)."""
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
    assert token.header["typ"] == "JWT"


@pytest.mark.parametrize(
    ("token_format", "alg"), [("opaque", "RS256"), ("RS256", "RS256"), ("ES256", "ES256")]
)
def test_algorithm(faked: Site, register: Register, token_format: str, alg: str) -> None:
    """It is signed as the client's access tokens are, else with RS256, which every client knows (Core, 2)."""
    body = login(faked, register("--id-token", "--access-token-format", token_format))
    assert verified(faked, body["id_token"]).header["alg"] == alg


def test_auth_time_is_kept(faked: Site, register: Register) -> None:
    """A refresh gives another one, which tells of the login (Core, 12.2)."""
    client = register("--id-token")
    refresh = login(faked, client)["refresh_token"]
    faked.clock.now += 1000
    body = faked.refresh(client, refresh).get_json()
    claims = verified(faked, body["id_token"]).claims
    assert (claims["auth_time"], claims["iat"], claims["sub"]) == (NOON, NOON + 1000, ALICE.id)


def test_replay_gives_the_same(faked: Site, register: Register) -> None:
    """A lost answer is repeated to the letter, its ID token included."""
    client = register("--id-token")
    refresh = login(faked, client)["refresh_token"]
    first = faked.refresh(client, refresh)
    assert faked.refresh(client, refresh).data == first.data
    assert "id_token" in first.get_json()


class TestNone:
    """Where none is given."""

    def test_without_the_flag(self, faked: Site, register: Register) -> None:
        """Another client's `openid` is a scope like any other."""
        body = login(faked, register())
        assert body["scope"] == "openid profile"
        assert "id_token" not in body

    def test_without_the_scope(self, faked: Site, register: Register) -> None:
        """A client that does not ask for `openid` gets none (Core, 3.1.2.1)."""
        client = register("--id-token")
        body = login(faked, client, scope="profile")
        assert "id_token" not in body
        assert "id_token" not in faked.refresh(client, body["refresh_token"]).get_json()

    def test_narrowed_away(self, faked: Site, register: Register) -> None:
        """A refresh that asks for less than `openid` gets none."""
        client = register("--id-token")
        answer = faked.refresh(client, login(faked, client)["refresh_token"], scope="profile")
        assert "id_token" not in answer.get_json()

    def test_own_behalf(self, faked: Site, register: Register) -> None:
        """Nobody logs in where a program acts for itself."""
        answer = faked.post("/oauth/token", register("--id-token"), grant_type="client_credentials")
        assert "id_token" not in answer.get_json()

    def test_flag_can_be_taken_away(self, faked: Site, register: Register) -> None:
        """The operator's word counts from the next answer on."""
        client = register("--id-token")
        faked.run("client", "update", client.client_id, "--no-id-token")
        assert "id_token" not in login(faked, client)


def test_opens_nothing(faked: Site, register: Register) -> None:
    """It is no access token (RFC 9068, 2.1): no resource takes it, and introspection does not know it."""
    client = register("--id-token")
    token = login(faked, client)["id_token"]
    assert faked.get("/api/me", token).status_code == 401
    assert faked.post("/oauth/introspect", client, token=token).get_json() == {"active": False}


def test_no_key_no_token(faked: Site, register: Register) -> None:
    """Where it cannot be signed nothing is issued: 503."""
    client = register("--id-token")
    drop_table(faked, "signing_key")
    assert said(faked.ask_token(client)) == UNAVAILABLE
    assert rows(faked, "grant") == []
