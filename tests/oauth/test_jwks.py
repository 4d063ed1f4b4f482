"""The published keys (RFC 7517, 5), and which of them signs."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask_migrate import upgrade
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from models import db
from tests.conftest import Registered, Site
from tests.faults import database_file, drop_table
from tests.oauth.answers import UNAVAILABLE, said

PATH = "/.well-known/jwks.json"
LEAD, TAIL, LOOK_AGAIN = 3660, 660, 30


def published(site: Site) -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = site.http.get(PATH).get_json()
    return document


def keys_of(site: Site) -> KeySet:
    """The keys in the document."""
    return KeySet.import_key_set(site.http.get(PATH).get_json())


def kids(site: Site) -> Sequence[str]:
    """The ids of the ES256 keys in the document, newest first."""
    return [key["kid"] for key in published(site)["keys"] if key["alg"] == "ES256"]


def signer(site: Site, client: Registered) -> str:
    """The id of the key that signs a token now; it is one of the published ones."""
    token = jwt.decode(site.token(client), keys_of(site), algorithms=["RS256", "ES256"])
    kid: str = token.header["kid"]
    return kid


@pytest.fixture
def program(faked: Site) -> Registered:
    """A program that is given JWTs."""
    return faked.register("a program", "--grant", "refresh_token", "--access-token-format", "ES256")


class TestDocument:
    """What is served."""

    def test_before_anything_is_signed(self, faked: Site, program: Registered) -> None:
        """Who reads the keys before the first token may keep them: the key that will sign is among them."""
        assert [key["alg"] for key in published(faked)["keys"]] == ["ES256", "RS256"]
        (first,) = kids(faked)
        assert signer(faked, program) == first

    @pytest.mark.parametrize(
        ("alg", "members"),
        [("RS256", {"kty", "n", "e"}), ("ES256", {"kty", "crv", "x", "y"})],
    )
    def test_public_part_alone(self, faked: Site, alg: str, members: set[str]) -> None:
        """A key says what it is for, and nothing of its private part (RFC 7517, 4; RFC 7518, 6)."""
        faked.token(faked.register("a program", "--access-token-format", alg))
        (key,) = [key for key in published(faked)["keys"] if key["alg"] == alg]
        assert set(key) == members | {"kid", "alg", "use"}
        assert key["use"] == "sig"

    def test_may_be_kept(self, faked: Site) -> None:
        """Anyone may keep it for as long as a new key is published before it signs (RFC 9111)."""
        answer = faked.http.get(PATH)
        assert answer.headers.getlist("Cache-Control") == ["public, max-age=3600"]
        assert "Pragma" not in answer.headers
        assert answer.mimetype == "application/json"
        assert faked.http.post(PATH).status_code == 405

    def test_is_named_in_the_metadata(self, faked: Site) -> None:
        """jwks_uri leads here (RFC 8414, 2)."""
        metadata = faked.http.get("/.well-known/oauth-authorization-server").get_json()
        assert metadata["jwks_uri"] == f"https://localhost:8443{PATH}"

    def test_database_away(self, faked: Site) -> None:
        """What cannot be said is not said to be empty: 503, which nobody may keep."""
        drop_table(faked, "signing_key")
        assert said(faked.http.get(PATH)) == UNAVAILABLE


class TestRotation:
    """`flask key rotate`."""

    def test_published_before_it_signs(self, faked: Site, program: Registered) -> None:
        """A new key is published at once, and signs when whoever kept the document has read it again."""
        old = signer(faked, program)
        faked.run("key", "rotate")
        faked.clock.now += LOOK_AGAIN
        new, also_old = kids(faked)
        assert also_old == old
        faked.clock.now += LEAD - LOOK_AGAIN - 1
        assert signer(faked, program) == old
        faked.clock.now += 1
        assert signer(faked, program) == new

    def test_published_until_the_last_token_ends(self, faked: Site, program: Registered) -> None:
        """A key that signs no more is published as long as a token of its lives, and no longer."""
        old = signer(faked, program)
        faked.run("key", "rotate")
        faked.clock.now += LEAD - 1
        last = faked.token(program)
        faked.clock.now += 600
        assert old in kids(faked)
        assert faked.get("/api/me", last).status_code == 401
        faked.clock.now += TAIL
        assert len(kids(faked)) == 1
        faked.clock.now += 60
        faked.run("token", "purge")
        assert len(kids(faked)) == 1

    def test_at_once(self, faked: Site, program: Registered) -> None:
        """In an emergency the old key is gone: what it signed is accepted by nobody who reads the keys."""
        token, old = faked.token(program), signer(faked, program)
        faked.run("key", "rotate", "--now")
        faked.clock.now += LOOK_AGAIN
        (new,) = kids(faked)
        assert new != old
        assert signer(faked, program) == new
        with pytest.raises((JoseError, ValueError)):
            jwt.decode(token, keys_of(faked), algorithms=["ES256"])

    def test_replay_over_a_rotation(self, faked: Site, program: Registered) -> None:
        """A lost answer is repeated to the letter though another key signs by then, planned or not."""
        for options in ((), ("--now",)):
            refresh = faked.ask_token(program).get_json()["refresh_token"]
            first = faked.refresh(program, refresh)
            faked.run("key", "rotate", *options)
            faked.clock.now += 1
            body = faked.refresh(program, refresh).get_json()
            assert body == {**first.get_json(), "expires_in": 599}


class TestWorkers:
    """Several processes over one database."""

    @pytest.fixture
    def pair(self, make_site: Callable[..., Site]) -> tuple[Site, Site]:
        """Two servers with the same key and database."""
        ring = {"NETID_SECRET_KEY": "first-kept-key-q7Zt2LxV9mPw4RbN8sHc"}
        here = make_site(**ring)
        return here, make_site(**ring, NETID_DATABASE_URL=f"sqlite:///{database_file(here)}")

    def test_both_sign_with_the_same_key(self, pair: tuple[Site, Site]) -> None:
        """The first key is made once, whoever is asked first, and both publish it."""
        here, there = pair
        assert len(kids(here)) == 1
        assert kids(here) == kids(there)
        program = here.register("a program", "--access-token-format", "ES256")
        assert signer(here, program) == signer(there, program)

    def test_first_key_is_published_by_all(self, pair: tuple[Site, Site]) -> None:
        """A process that knew of no key publishes the first one as soon as another has signed with it."""
        here, there = pair
        there.token(there.register("another", "--access-token-format", "ES256"))
        program = here.register("a program", "--access-token-format", "RS256")
        token = jwt.decode(here.token(program), keys_of(there), algorithms=["RS256"])
        assert token.header["alg"] == "RS256"

    def test_rotation_is_noticed(self, pair: tuple[Site, Site]) -> None:
        """A process that was not restarted learns of a new key within half a minute."""
        here, there = pair
        program = here.register("a program", "--access-token-format", "ES256")
        old = signer(there, program)
        here.run("key", "rotate", "--now")
        there.clock.now += LOOK_AGAIN
        assert signer(there, program) != old

    def test_replay_at_a_process_that_signs_differently(self, pair: tuple[Site, Site]) -> None:
        """What one process signed with the old key, another that knows the new one repeats all the same."""
        here, there = pair
        program = here.register("a program", "--grant", "refresh_token", "--access-token-format", "ES256")
        refresh = there.ask_token(program).get_json()["refresh_token"]
        here.run("key", "rotate", "--now")
        first = there.refresh(program, refresh).get_json()
        assert here.refresh(program, refresh).get_json() == first


def test_server_key_that_is_lost(make_site: Callable[..., Site]) -> None:
    """A signing key that cannot be opened signs nothing, and is 503 with a line for the operator."""
    old, new = ("first-kept-key-q7Zt2LxV9mPw4RbN8sHc", "other-kept-key-D3yKf6UjX1aGz5TeQo0v")
    before = make_site(NETID_SECRET_KEY=old)
    with before.app.app_context():
        upgrade()
        db.engine.dispose()
    after = make_site(NETID_SECRET_KEY=new, NETID_DATABASE_URL=f"sqlite:///{database_file(before)}")
    client = after.register("a program", "--access-token-format", "ES256")
    before.token(before.register("another", "--access-token-format", "ES256"))
    assert said(after.ask_token(client)) == UNAVAILABLE
    assert "under which the signing key" in after.log_lines()[-1]["cause"]
