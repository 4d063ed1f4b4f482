"""Every database keeps the keys that sign tokens in the same way."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from models import (
    Encryptor,
    NewSigningKey,
    PersistentSecrets,
    SigningKey,
    SigningKeyStore,
    StoreUnavailable,
    purge,
    reencrypt,
    signing_key_ids,
)
from tests.models.stores import FIRST_KEY, SECOND_KEY, Stores

LEAD, TAIL = 3600, 600
THREADS = 16
PRIVATE = b"the private part of a key"


def new(kid: str = "kid-1", alg: str = "ES256") -> NewSigningKey:
    """A key pair; the database does not check that it is one."""
    return NewSigningKey(kid=kid, alg=alg, private_key=PRIVATE, public_jwk={"kid": kid, "kty": "EC"})


def store(*keys: tuple[str, bytes]) -> SigningKeyStore:
    """A store whose server has these keys."""
    return SigningKeyStore(Encryptor(keys or (FIRST_KEY,)))


def reencrypted(stores: Stores, *keys: tuple[str, bytes]) -> int:
    """How many values a server with these keys encrypts again under the first."""
    encryptor, event = Encryptor(keys), stores.audit("key.reencrypted", reason="operator")
    return reencrypt(SigningKeyStore(encryptor), PersistentSecrets(encryptor, stores.clock), event)


def named(keys: SigningKeyStore, kid: str) -> SigningKey:
    """The key with this id."""
    (found,) = [key for key in keys.list() if key.kid == kid]
    return found


class SigningKeyRules:
    """Making, rotating and ending signing keys."""

    def test_first_key_signs_at_once(self, stores: Stores) -> None:
        """The first key of an algorithm signs at once."""
        keys = store()
        assert keys.add_first(new(), stores.now)
        (key,) = keys.list()
        assert (key.kid, key.alg, key.public_jwk) == ("kid-1", "ES256", {"kid": "kid-1", "kty": "EC"})
        assert (key.created_at, key.active_at) == (stores.now, stores.now)
        assert (key.retired_at, key.ends_at) == (None, None)
        assert keys.open(key) == PRIVATE

    def test_first_is_first_only_once(self, stores: Stores) -> None:
        """If an algorithm has a key, no other becomes the first. Another algorithm has its own."""
        keys = store()
        assert keys.add_first(new("a"), stores.now)
        assert not keys.add_first(new("b"), stores.now)
        assert keys.add_first(new("c", "RS256"), stores.now)
        assert [key.kid for key in keys.list()] == ["a", "c"]

    def test_of_many_at_once_one_is_first(self, stores: Stores) -> None:
        """Workers that need the first key at the same moment store one key."""
        keys, line = store(), Barrier(THREADS)

        def add(number: int) -> bool:
            with stores.site.app.app_context():
                line.wait(10)
                return keys.add_first(new(f"kid-{number}"), stores.now)

        with ThreadPoolExecutor(THREADS) as pool:
            stored = list(pool.map(add, range(THREADS)))
        assert sorted(stored) == [False] * (THREADS - 1) + [True]
        assert len(keys.list()) == 1

    def test_old_key_signs_until_the_next_one_does(self, stores: Stores) -> None:
        """The old key ends after its last token."""
        keys = store()
        keys.add_first(new("old"), stores.now)
        at = stores.now + LEAD
        made = keys.rotate(new("new"), stores.audit("key.rotated"), lead=LEAD, tail=TAIL)
        old = named(keys, "old")
        assert made == named(keys, "new")
        assert (made.created_at, made.active_at, made.retired_at) == (stores.now, at, None)
        assert (old.retired_at, old.ends_at) == (at, at + TAIL)
        assert [(old.signs(when), made.signs(when)) for when in (at - 1, at)] == [
            (True, False),
            (False, True),
        ]
        assert old.is_published(at + TAIL - 1)
        assert not old.is_published(at + TAIL)

    def test_rotation_without_a_key_makes_the_first(self, stores: Stores) -> None:
        """If an algorithm has no key, a rotation makes the first one."""
        made = store().rotate(new(), stores.audit("key.rotated"), lead=LEAD, tail=TAIL)
        assert made.active_at == stores.now

    def test_rotation_leaves_other_algorithms(self, stores: Stores) -> None:
        """A rotation changes the keys of one algorithm only."""
        keys = store()
        keys.add_first(new("other", "RS256"), stores.now)
        keys.add_first(new("old"), stores.now)
        keys.rotate(new("new"), stores.audit("key.rotated"), lead=LEAD, tail=TAIL)
        keys.replace(new("newer"), stores.audit("key.rotated"))
        assert named(keys, "other").retired_at is None

    def test_second_rotation_before_the_first_is_due(self, stores: Stores) -> None:
        """At every second exactly one key signs, however often it is rotated."""
        keys, begin = store(), stores.now
        keys.add_first(new("a"), begin)
        for kid in ("b", "c"):
            stores.clock.now += 60
            keys.rotate(new(kid), stores.audit("key.rotated"), lead=LEAD, tail=TAIL)
        for at in (begin, begin + LEAD + 59, begin + LEAD + 60, begin + LEAD + 119, begin + LEAD + 120):
            assert sum(key.signs(at) for key in keys.list()) == 1

    def test_replacement_signs_at_once_and_unpublishes_all_others(self, stores: Stores) -> None:
        """In an emergency the new key signs at once, and no other is published."""
        keys = store()
        keys.add_first(new("a"), stores.now)
        keys.rotate(new("b"), stores.audit("key.rotated"), lead=LEAD, tail=TAIL)
        stores.clock.now += LEAD + 1
        keys.rotate(new("c"), stores.audit("key.rotated"), lead=LEAD, tail=TAIL)
        made = keys.replace(new("d"), stores.audit("key.rotated"))
        assert made.signs(stores.now)
        assert [key.kid for key in keys.list() if key.is_published(stores.now)] == ["d"]
        assert [key.kid for key in keys.list() if key.signs(stores.now)] == ["d"]

    @pytest.mark.parametrize("change", ["rotate", "replace"])
    def test_change_and_audit_are_one_transaction(self, stores: Stores, change: str) -> None:
        """No key is stored without its audit row."""
        keys = store()
        keys.add_first(new("old"), stores.now)
        with stores.counted_commits() as commits:
            if change == "rotate":
                keys.rotate(new("new"), stores.audit("key.rotated"), lead=LEAD, tail=TAIL)
            else:
                keys.replace(new("new"), stores.audit("key.rotated"))
        assert len(commits) == 1
        assert [row["event"] for row in stores.rows("audit_event")] == ["key.rotated"]

    def test_private_key_is_encrypted(self, stores: Stores) -> None:
        """The database holds no private key in the clear, and names the server key that encrypted it."""
        store().add_first(new(), stores.now)
        (row,) = stores.rows("signing_key")
        assert PRIVATE not in row["private_key"]
        assert row["key_id"] == FIRST_KEY[0]
        assert signing_key_ids(stores.now) == {FIRST_KEY[0]}

    def test_old_server_key_can_go_after_reencryption(self, stores: Stores) -> None:
        """With a new first server key all keys are encrypted again; then the old server key can go."""
        store(FIRST_KEY).add_first(new(), stores.now)
        both = store(SECOND_KEY, FIRST_KEY)
        assert both.open(named(both, "kid-1")) == PRIVATE
        assert reencrypted(stores, SECOND_KEY, FIRST_KEY) == 1
        assert reencrypted(stores, SECOND_KEY, FIRST_KEY) == 0
        alone = store(SECOND_KEY)
        assert alone.open(named(alone, "kid-1")) == PRIVATE
        assert signing_key_ids(stores.now) == {SECOND_KEY[0]}

    def test_missing_server_key_is_named(self, stores: Stores) -> None:
        """Without its server key, nothing is decrypted or encrypted again, and the error names the key."""
        store(FIRST_KEY).add_first(new(), stores.now)
        without = store(SECOND_KEY)
        with pytest.raises(
            StoreUnavailable, match="the server key first, under which the signing key kid-1 is encrypted"
        ):
            without.open(named(without, "kid-1"))
        with pytest.raises(StoreUnavailable):
            reencrypted(stores, SECOND_KEY)

    def test_rows_cannot_be_exchanged(self, stores: Stores) -> None:
        """A ciphertext is bound to its key: under another name, or changed, it is not decrypted."""
        keys = store()
        keys.add_first(new("a"), stores.now)
        keys.add_first(new("b", "RS256"), stores.now)
        first, second = keys.list()
        for stolen in (second.private_key, first.private_key[:-1], b""):
            with pytest.raises(StoreUnavailable):
                keys.open(replace(first, private_key=stolen))

    def test_ended_key_is_needed_by_nobody(self, stores: Stores) -> None:
        """A key whose last token has ended needs no server key and is purged; the others stay."""
        keys = store()
        keys.add_first(new("old"), stores.now)
        keys.rotate(new("new"), stores.audit("key.rotated"), lead=0, tail=TAIL)
        assert purge(stores.now + TAIL)["signing_key"] == 0
        assert purge(stores.now + TAIL + 60)["signing_key"] == 1
        assert [key.kid for key in keys.list()] == ["new"]
        keys.replace(new("newer"), stores.audit("key.rotated"))
        stores.clock.now += 60
        assert purge(stores.now)["signing_key"] == 1
