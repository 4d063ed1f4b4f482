"""What every database must do with secrets that outlive the server's keys."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from models import Encryptor, PersistentSecrets, StoreUnavailable, kept_secret_key_ids
from tests.models.stores import FIRST_KEY, SECOND_KEY, Place, Stores

THREADS = 8


class KeptSecretRules:
    """Making a secret once, and keeping it while keys come and go."""

    def test_it_stays(self, stores: Stores) -> None:
        """Every process is given the same octets, which no other name has."""
        first = kept(stores).get("a")
        assert len(first) == 32
        assert kept(stores).get("a") == first
        assert kept(stores).get("b") != first

    def test_it_is_sealed(self, stores: Stores, place: Place) -> None:
        """A dump does not show it."""
        opened = kept(stores).get("a")
        dump = place.dump()
        assert FIRST_KEY[0] in dump
        assert opened.hex() not in dump
        assert opened.decode("latin-1") not in dump

    def test_it_outlives_a_rotation(self, stores: Stores) -> None:
        """With a new key in front it stays the same, and from then on needs the old one no more."""
        opened = kept(stores).get("a")
        assert kept_secret_key_ids() == {"first"}
        assert kept(stores, SECOND_KEY, FIRST_KEY).get("a") == opened
        assert kept_secret_key_ids() == {"second"}
        assert kept(stores, SECOND_KEY).get("a") == opened

    def test_key_that_is_gone(self, stores: Stores) -> None:
        """Under a key that is not in the ring it cannot be read, and is not made anew."""
        kept(stores).get("a")
        with pytest.raises(StoreUnavailable, match="first"):
            kept(stores, SECOND_KEY).get("a")
        assert kept_secret_key_ids() == {"first"}

    def test_database_without_tables_needs_no_key(self, bare: Stores) -> None:
        """Before the first migration there is nothing that a key is needed for."""
        assert kept_secret_key_ids() == frozenset()

    def test_many_make_one(self, stores: Stores) -> None:
        """Processes that ask for it first at the same moment are given the same one."""
        line = Barrier(THREADS)

        def ask(_: int) -> bytes:
            with stores.site.app.app_context():
                secrets = kept(stores)
                line.wait()
                return secrets.get("a")

        with ThreadPoolExecutor(THREADS) as threads:
            assert len(set(threads.map(ask, range(THREADS)))) == 1


def kept(stores: Stores, *keys: tuple[str, bytes]) -> PersistentSecrets:
    """The kept secrets as a new process with this ring has them."""
    return PersistentSecrets(Encryptor(keys or (FIRST_KEY,)), stores.clock)
