"""`id_token_hint` (OpenID Connect Core 1.0, 3.1.2.1): whom the client believes to be signed in."""

from collections.abc import Callable

import pytest

from oauth import Server
from tests.conftest import Registered, Site
from tests.fakes import ALICE
from tests.faults import rows
from tests.oauth.authorizing import parameters_of, read, register, told

Hint = Callable[..., str]


@pytest.fixture
def client(faked: Site) -> Registered:
    """A client that gets ID tokens by the password grant too."""
    return register(faked, "--grant", "password", "--id-token")


@pytest.fixture
def hint(faked: Site, client: Registered) -> Hint:
    """Makes an ID token of alice, by default the client's, with claims and header as a test wants them."""

    def make(typ: str = "JWT", alg: str = "RS256", **changed: object) -> str:
        server: Server = faked.app.extensions[Server.NAME]
        with faked.app.app_context():
            signer = server.token_issuer.keys.signer(alg, int(faked.clock.now))
        claims = {"iss": server.issuer, "aud": client.client_id, "sub": ALICE.id, "exp": 1}
        return signer.sign(typ, {**claims, **changed})

    return make


def test_issued_token_is_a_hint(faked: Site, client: Registered) -> None:
    """The client sends what it got, even after it has expired."""
    token = faked.ask_token(client, scope="openid").get_json()["id_token"]
    faked.clock.now += 86_400
    assert read(faked, parameters_of(client, id_token_hint=token)).hinted_sub == ALICE.id


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_hint_names_its_user(faked: Site, client: Registered, hint: Hint, alg: str) -> None:
    """The `sub` is the one that the client knows."""
    assert read(faked, parameters_of(client, id_token_hint=hint(alg=alg))).hinted_sub == ALICE.id


def test_stored_request_has_the_user_but_no_token(faked: Site, client: Registered, hint: Hint) -> None:
    """No table holds a token, even a token that proves nothing."""
    token = hint()
    request = read(faked, parameters_of(client, id_token_hint=token))
    assert "id_token_hint" not in request.parameters
    assert token not in str(request.parameters)
    assert request.parameters["hinted_sub"] == ALICE.id


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another client"},
        {"aud": ["another client"]},
        {"iss": "https://other.example"},
        {"sub": None},
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
    ],
)
def test_other_tokens_are_no_hint(
    faked: Site, client: Registered, hint: Hint, changed: dict[str, str]
) -> None:
    """Another client's ID token, and our other JWTs, are refused (RFC 8725, 3.11 and 3.12)."""
    answer = told(faked, parameters_of(client, id_token_hint=hint(**changed)))
    assert answer["error"] == "invalid_request"


def test_forged_hint_is_refused(faked: Site, client: Registered, hint: Hint) -> None:
    """A signature of another token, or none, is no signature."""
    head, body, signature = hint(sub="mallory").split(".")
    own = hint().split(".")[2]
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"
    for forged in (f"{head}.{body}.{own}", f"{unsigned}.{body}.", f"{head}.{body}.", f"{head}.{body}"):
        assert told(faked, parameters_of(client, id_token_hint=forged))["error"] == "invalid_request"
    assert signature != own


def test_hint_survives_a_rotation_of_keys(faked: Site, client: Registered, hint: Hint) -> None:
    """The key stays known until it is purged."""
    token = hint()
    faked.run("key", "rotate")
    faked.clock.now += 7200
    assert read(faked, parameters_of(client, id_token_hint=token)).hinted_sub == ALICE.id


def test_hint_of_a_purged_key_is_left_out(faked: Site, client: Registered, hint: Hint) -> None:
    """A program may keep an ID token for longer than we keep keys: it is then a sign-in without a hint."""
    token = hint()
    faked.run("key", "rotate", "--now", "--yes")
    assert read(faked, parameters_of(client, id_token_hint=token)).hinted_sub is None
    answer = told(faked, parameters_of(client, id_token_hint=token, prompt="none"))
    assert answer["error"] == "login_required"
    assert len(rows(faked, "signing_key")) > 1
