"""Every database keeps persistent secrets in the same way."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from models import Encryptor, PersistentSecrets, StoreUnavailable, persistent_secret_key_ids
from tests.models.stores import FIRST_KEY, SECOND_KEY, Place, Stores

THREADS = 8


class PersistentSecretRules:
    """Making a secret once, and keeping it when server keys change."""

    def test_every_process_gets_the_same_secret(self, stores: Stores) -> None:
        """Every process gets the same octets, and another name has other octets."""
        first = kept(stores).get("a")
        assert len(first) == 32
        assert kept(stores).get("a") == first
        assert kept(stores).get("b") != first

    def test_dump_does_not_show_the_secret(self, stores: Stores, place: Place) -> None:
        """The database holds the secret encrypted, with the id of the server key."""
        opened = kept(stores).get("a")
        dump = place.dump()
        assert FIRST_KEY[0] in dump
        assert opened.hex() not in dump
        assert opened.decode("latin-1") not in dump

    def test_secret_outlives_a_change_of_server_keys(self, stores: Stores) -> None:
        """With a new first server key the secret stays the same, and then no longer needs the old key."""
        opened = kept(stores).get("a")
        assert persistent_secret_key_ids() == {"first"}
        assert kept(stores, SECOND_KEY, FIRST_KEY).get("a") == opened
        assert persistent_secret_key_ids() == {"second"}
        assert kept(stores, SECOND_KEY).get("a") == opened

    def test_missing_server_key_makes_no_new_secret(self, stores: Stores) -> None:
        """A secret under a key that is not in the ring cannot be read, and no other replaces it."""
        kept(stores).get("a")
        with pytest.raises(StoreUnavailable, match="first"):
            kept(stores, SECOND_KEY).get("a")
        assert persistent_secret_key_ids() == {"first"}

    def test_database_without_tables_needs_no_key(self, bare: Stores) -> None:
        """Before the first migration no server key is needed."""
        assert persistent_secret_key_ids() == frozenset()

    def test_concurrent_processes_make_one_secret(self, stores: Stores) -> None:
        """Processes that ask first at the same moment get the same secret."""
        line = Barrier(THREADS)

        def ask(_: int) -> bytes:
            with stores.site.app.app_context():
                secrets = kept(stores)
                line.wait()
                return secrets.get("a")

        with ThreadPoolExecutor(THREADS) as threads:
            assert len(set(threads.map(ask, range(THREADS)))) == 1


def kept(stores: Stores, *keys: tuple[str, bytes]) -> PersistentSecrets:
    """The persistent secrets of a new process with this ring."""
    return PersistentSecrets(Encryptor(keys or (FIRST_KEY,)), stores.clock)
