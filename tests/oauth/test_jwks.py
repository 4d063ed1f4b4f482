"""The published keys (RFC 7517, 5), and which key signs."""

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
from tests.oauth.answers import UNAVAILABLE, status_and_error

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
    """A client whose access tokens are JWTs."""
    return faked.register("a program", "--grant", "refresh_token", "--access-token-format", "ES256")


class TestDocument:
    """The published document."""

    def test_first_key_is_published_before_it_signs(self, faked: Site, program: Registered) -> None:
        """The keys that are read before the first token already have the key that will sign."""
        assert [key["alg"] for key in published(faked)["keys"]] == ["ES256", "RS256"]
        (first,) = kids(faked)
        assert signer(faked, program) == first

    @pytest.mark.parametrize(
        ("alg", "members"),
        [("RS256", {"kty", "n", "e"}), ("ES256", {"kty", "crv", "x", "y"})],
    )
    def test_only_the_public_part_is_published(self, faked: Site, alg: str, members: set[str]) -> None:
        """A key has its use and its public part only (RFC 7517, 4; RFC 7518, 6)."""
        faked.token(faked.register("a program", "--access-token-format", alg))
        (key,) = [key for key in published(faked)["keys"] if key["alg"] == alg]
        assert set(key) == members | {"kid", "alg", "use"}
        assert key["use"] == "sig"

    def test_document_may_be_cached(self, faked: Site) -> None:
        """The document may be cached for as long as a new key is published before it signs (RFC 9111)."""
        answer = faked.http.get(PATH)
        assert answer.headers.getlist("Cache-Control") == ["public, max-age=3600"]
        assert "Pragma" not in answer.headers
        assert answer.mimetype == "application/json"
        assert faked.http.post(PATH).status_code == 405

    def test_metadata_names_the_document(self, faked: Site) -> None:
        """jwks_uri leads here (RFC 8414, 2)."""
        metadata = faked.http.get("/.well-known/oauth-authorization-server").get_json()
        assert metadata["jwks_uri"] == f"https://localhost:8443{PATH}"

    def test_database_that_fails_is_503(self, faked: Site) -> None:
        """Without a database the answer is 503, never an empty set, and is not cached."""
        drop_table(faked, "signing_key")
        assert status_and_error(faked.http.get(PATH)) == UNAVAILABLE


class TestRotation:
    """`flask key rotate`."""

    def test_new_key_is_published_before_it_signs(self, faked: Site, program: Registered) -> None:
        """A new key is published at once, and signs when every cached document has expired."""
        old = signer(faked, program)
        faked.run("key", "rotate")
        faked.clock.now += LOOK_AGAIN
        new, also_old = kids(faked)
        assert also_old == old
        faked.clock.now += LEAD - LOOK_AGAIN - 1
        assert signer(faked, program) == old
        faked.clock.now += 1
        assert signer(faked, program) == new

    def test_old_key_is_published_until_its_last_token_ends(self, faked: Site, program: Registered) -> None:
        """A retired key is published exactly as long as a token that it signed is valid."""
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

    def test_emergency_rotation_removes_the_old_key(self, faked: Site, program: Registered) -> None:
        """After an emergency rotation, readers of the keys accept no token of the old key."""
        token, old = faked.token(program), signer(faked, program)
        faked.run("key", "rotate", "--now", "--yes")
        faked.clock.now += LOOK_AGAIN
        (new,) = kids(faked)
        assert new != old
        assert signer(faked, program) == new
        with pytest.raises((JoseError, ValueError)):
            jwt.decode(token, keys_of(faked), algorithms=["ES256"])

    def test_replay_after_a_rotation_is_the_same(self, faked: Site, program: Registered) -> None:
        """A lost answer is repeated exactly, even if another key signs by then."""
        for options in ((), ("--now", "--yes")):
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

    def test_two_processes_sign_with_the_same_key(self, pair: tuple[Site, Site]) -> None:
        """Two processes make the first key once, and both publish it."""
        here, there = pair
        assert len(kids(here)) == 1
        assert kids(here) == kids(there)
        program = here.register("a program", "--access-token-format", "ES256")
        assert signer(here, program) == signer(there, program)

    def test_every_process_publishes_the_first_key(self, pair: tuple[Site, Site]) -> None:
        """A process publishes the first key as soon as another process has signed with it."""
        here, there = pair
        there.token(there.register("another", "--access-token-format", "ES256"))
        program = here.register("a program", "--access-token-format", "RS256")
        token = jwt.decode(here.token(program), keys_of(there), algorithms=["RS256"])
        assert token.header["alg"] == "RS256"

    def test_running_process_publishes_a_new_key(self, pair: tuple[Site, Site]) -> None:
        """A running process publishes a new key within half a minute."""
        here, there = pair
        program = here.register("a program", "--access-token-format", "ES256")
        old = signer(there, program)
        here.run("key", "rotate", "--now", "--yes")
        there.clock.now += LOOK_AGAIN
        assert signer(there, program) != old

    def test_process_with_the_new_key_repeats_an_answer(self, pair: tuple[Site, Site]) -> None:
        """A process with the new key repeats an answer that another signed with the old key."""
        here, there = pair
        program = here.register("a program", "--grant", "refresh_token", "--access-token-format", "ES256")
        refresh = there.ask_token(program).get_json()["refresh_token"]
        here.run("key", "rotate", "--now", "--yes")
        first = there.refresh(program, refresh).get_json()
        assert here.refresh(program, refresh).get_json() == first


def test_signing_key_under_a_lost_server_key_is_503(make_site: Callable[..., Site]) -> None:
    """A signing key that cannot be decrypted gives 503 and a log line for the operator."""
    old, new = ("first-kept-key-q7Zt2LxV9mPw4RbN8sHc", "other-kept-key-D3yKf6UjX1aGz5TeQo0v")
    before = make_site(NETID_SECRET_KEY=old)
    with before.app.app_context():
        upgrade()
        db.engine.dispose()
    after = make_site(NETID_SECRET_KEY=new, NETID_DATABASE_URL=f"sqlite:///{database_file(before)}")
    client = after.register("a program", "--access-token-format", "ES256")
    before.token(before.register("another", "--access-token-format", "ES256"))
    assert status_and_error(after.ask_token(client)) == UNAVAILABLE
    assert "under which the signing key" in after.log_lines()[-1]["cause"]
