"""What every database must do with clients and their secrets."""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import Row

from models import Client, ClientEnded, ClientSecret, Registration, secret_key_ids
from models.base import Base
from models.clients.client import clients_of
from tests.models.stores import FIRST_KEY, SECOND_KEY, Stores

DAY = 86_400


def only_secret(stores: Stores, client_id: str) -> ClientSecret:
    """The one secret that a client has."""
    client = stores.clients.get(client_id)
    assert client is not None
    (secret,) = client.secrets
    return secret


class ClientRules:
    """Registering, changing, finding and ending clients."""

    def test_what_was_registered_is_read_back(self, stores: Stores) -> None:
        """A client comes back with every value that it was registered with."""
        asked = Registration(
            client_name="Ünïon catalogue",
            grant_types=("password", "refresh_token"),
            scope="profile email",
            default_scope="profile",
            redirect_uris=("https://a.example/cb", "app:/cb"),
            token_endpoint_auth_method="client_secret_post",
            owner="library@campus.example",
            resource_server=True,
            flags={"a_flag": True},
        )
        made, _ = stores.clients.create(asked)
        found = stores.clients.get(made.client_id)
        assert found == made
        assert {name: getattr(found, name) for name in asked.__slots__} == {
            name: getattr(asked, name) for name in asked.__slots__
        }
        assert (made.created_at, made.disabled_at) == (stores.now, None)

    def test_unknown_client_is_none(self, stores: Stores) -> None:
        """A client that was never registered is nobody."""
        assert stores.clients.get("nobody") is None

    def test_unknown_client_costs_the_read_of_a_client(self, stores: Stores) -> None:
        """In place of one that nobody has, the first is read: the time does not tell which ids exist."""
        stores.register()
        made, _ = stores.register()
        read: list[int] = []

        def count(rows: Iterable[Row[Any]]) -> Sequence[Client]:
            found = clients_of(rows)
            read.append(len(found))
            return found

        with patch("models.clients.client_store.clients_of", count):
            known, unknown = stores.clients.get(made), stores.clients.get("nobody")
        assert known is not None
        assert (known.client_id, unknown, read) == (made, None, [1, 1])

    @pytest.mark.parametrize("strange", ["\0", "a\0b", "x" * 100_000, "\udcff", "' OR 1=1 --", ""])
    def test_strange_client_id_is_nobody(self, stores: Stores, strange: str) -> None:
        """An id that no client could have is answered like any other that no client has."""
        stores.register()
        assert stores.clients.get(strange) is None
        with pytest.raises(KeyError):
            stores.clients.update(strange, {"owner": "me"})
        with pytest.raises(KeyError):
            stores.clients.retire_secret(strange, 1)

    def test_list_is_in_order_of_names(self, stores: Stores) -> None:
        """Clients are listed by name, each with its own secrets."""
        second, _ = stores.register("beta")
        first, _ = stores.register("alpha")
        stores.clients.rotate_secret(second, old_not_after=stores.now + DAY)
        listed = stores.clients.list()
        assert [each.client_id for each in listed] == [first, second]
        assert [len(each.secrets) for each in listed] == [1, 2]

    def test_update_changes_what_is_named(self, stores: Stores) -> None:
        """An update changes the named values, and nothing of another client."""
        client_id, _ = stores.register(scope="profile", owner="old")
        other, _ = stores.register("another", owner="old")
        changed = stores.clients.update(client_id, {"owner": "new", "grant_types": ["password"]})
        assert (changed.owner, changed.scope, changed.grant_types) == ("new", "profile", ("password",))
        untouched = stores.clients.get(other)
        assert untouched is not None
        assert untouched.owner == "old"

    def test_update_of_nobody_is_an_error(self, stores: Stores) -> None:
        """An update of an unknown client does not pass in silence."""
        with pytest.raises(KeyError):
            stores.clients.update("nobody", {"owner": "new"})

    def test_public_client_has_no_secret(self, stores: Stores) -> None:
        """A public client gets no secret, at first or later."""
        public = Registration(client_name="an app", token_endpoint_auth_method="none")
        client, secret = stores.clients.create(public)
        assert secret is None
        assert client.is_public
        assert not client.secrets
        with pytest.raises(ValueError, match="public"):
            stores.clients.rotate_secret(client.client_id, old_not_after=stores.now)
        assert not stores.rows("client_secret")

    def test_secret_is_kept_as_hmac_alone(self, stores: Stores) -> None:
        """Of a secret, the database holds its HMAC under the server's key."""
        _, secret = stores.register()
        (row,) = stores.rows("client_secret")
        assert row["digest"] == hmac.digest(FIRST_KEY[1], secret.encode(), "sha256")
        assert row["key_id"] == FIRST_KEY[0]
        assert secret not in str(row)

    def test_secret_needs_no_encoding(self, stores: Stores) -> None:
        """A secret is of letters that read the same in a URL, in a form and in Basic."""
        _, secret = stores.register()
        assert secret.isascii()
        assert secret.replace("_", "").replace("-", "").isalnum()

    def test_no_secret_shows_in_any_representation(self, stores: Stores) -> None:
        """A client that lands in a log line tells no digest."""
        client_id, _ = stores.register()
        client = stores.clients.get(client_id)
        assert client is not None
        assert "digest" not in repr(client)

    def test_old_secret_lives_until_its_end(self, stores: Stores) -> None:
        """After a rotation both secrets are good, until the old one ends."""
        client_id, old = stores.register()
        new = stores.clients.rotate_secret(client_id, old_not_after=stores.now + DAY)
        assert stores.verifies(old, client_id)
        stores.clock.now += DAY - 1
        assert stores.verifies(old, client_id)
        stores.clock.now += 1
        assert not stores.verifies(old, client_id)
        assert stores.verifies(new, client_id)

    def test_rotation_lengthens_no_life(self, stores: Stores) -> None:
        """A secret that ends soon is not given more time by a later rotation."""
        client_id, old = stores.register()
        stores.clients.rotate_secret(client_id, old_not_after=stores.now + 60)
        stores.clients.rotate_secret(client_id, old_not_after=stores.now + DAY)
        stores.clock.now += 60
        assert not stores.verifies(old, client_id)

    def test_many_secrets_live_at_once(self, stores: Stores) -> None:
        """A client may have several live secrets, with serial numbers that count up."""
        client_id, first = stores.register()
        later = [stores.clients.rotate_secret(client_id, old_not_after=stores.now + DAY) for _ in range(3)]
        assert all(stores.verifies(secret, client_id) for secret in [first, *later])
        client = stores.clients.get(client_id)
        assert client is not None
        assert [secret.serial for secret in client.secrets] == [1, 2, 3, 4]

    def test_rotation_leaves_other_clients_alone(self, stores: Stores) -> None:
        """A rotation ends no secret of another client."""
        client_id, _ = stores.register()
        other, secret = stores.register("another")
        stores.clients.rotate_secret(client_id, old_not_after=stores.now)
        assert stores.verifies(secret, other)

    def test_retired_secret_is_dead_at_once(self, stores: Stores) -> None:
        """Retiring ends one secret now and leaves the others."""
        client_id, old = stores.register()
        new = stores.clients.rotate_secret(client_id, old_not_after=stores.now + DAY)
        stores.clients.retire_secret(client_id, 1)
        assert not stores.verifies(old, client_id)
        assert stores.verifies(new, client_id)

    @pytest.mark.parametrize("serial", [0, -1, 2, 2**31, 2**80])
    def test_retiring_no_secret_is_an_error(self, stores: Stores, serial: int) -> None:
        """Retiring a secret that does not exist does not pass in silence, however large its number."""
        client_id, _ = stores.register()
        with pytest.raises(KeyError):
            stores.clients.retire_secret(client_id, serial)

    def test_disabled_client_holds_no_live_token(self, stores: Stores) -> None:
        """Disabling a client ends its tokens, and nobody else's."""
        client_id, _ = stores.register()
        mine, other = stores.issue(client_id), stores.issue("another")
        assert stores.clients.disable(client_id).disabled_at == stores.now
        assert not stores.lives(mine)
        assert stores.lives(other)

    def test_deleted_client_leaves_nothing_that_lives(self, stores: Stores) -> None:
        """Deleting a client ends its tokens and forgets it with its secrets, and no other client."""
        client_id, _ = stores.register()
        other, secret = stores.register("another")
        mine = stores.issue(client_id)
        stores.clients.delete(client_id)
        assert not stores.lives(mine)
        assert stores.clients.get(client_id) is None
        assert [row["client_id"] for row in stores.rows("client_secret")] == [other]
        assert stores.verifies(secret, other)

    def test_second_key_in_front_still_verifies(self, stores: Stores) -> None:
        """With a new server key in front, old secrets are good and new ones are made under the new key."""
        client_id, old = stores.register()
        ringed = stores.clients_with(SECOND_KEY, FIRST_KEY)
        assert stores.verifies(old, client_id, ringed)
        new = ringed.rotate_secret(client_id, old_not_after=stores.now + DAY)
        assert stores.verifies(old, client_id, ringed)
        assert stores.verifies(new, client_id, ringed)
        assert [row["key_id"] for row in stores.rows("client_secret")] == ["first", "second"]

    def test_lost_key_verifies_nothing(self, stores: Stores) -> None:
        """Without the key that it was made under, a secret is worthless."""
        client_id, secret = stores.register()
        assert not stores.verifies(secret, client_id, stores.clients_with(SECOND_KEY))

    def test_secret_key_ids_names_every_key_in_use(self, stores: Stores) -> None:
        """The ids of all keys that stored secrets were made under are known, each once."""
        assert secret_key_ids(stores.now) == frozenset()
        stores.register()
        stores.register("another")
        assert secret_key_ids(stores.now) == {"first"}
        stores.clients_with(SECOND_KEY).create(Registration(client_name="a third"))
        assert secret_key_ids(stores.now) == {"first", "second"}

    def test_ended_secret_needs_no_key(self, stores: Stores) -> None:
        """A secret that has ended holds no key of the server back."""
        client_id, _ = stores.register()
        stores.clients_with(SECOND_KEY).rotate_secret(client_id, old_not_after=stores.now + 1)
        assert secret_key_ids(stores.now) == {"first", "second"}
        assert secret_key_ids(stores.now + 1) == {"second"}

    def test_digest_is_renewed(self, stores: Stores) -> None:
        """A secret is kept under the first key of the ring when it is renewed, and stays the same secret."""
        client_id, secret = stores.register()
        ring = stores.clients_with(SECOND_KEY, FIRST_KEY)
        ring.renew_digest(client_id, only_secret(stores, client_id), secret)
        assert secret_key_ids(stores.now) == {"second"}
        assert stores.verifies(secret, client_id, stores.clients_with(SECOND_KEY))

    def test_digest_is_not_renewed_over_another(self, stores: Stores) -> None:
        """What another process has changed meanwhile stays as it is."""
        client_id, secret = stores.register()
        old = replace(only_secret(stores, client_id), digest=b"another")
        stores.clients_with(SECOND_KEY, FIRST_KEY).renew_digest(client_id, old, secret)
        assert secret_key_ids(stores.now) == {"first"}

    def test_secret_key_ids_of_an_empty_database(self, bare: Stores) -> None:
        """A database without a table holds no secret, which is no error."""
        assert secret_key_ids(bare.now) == frozenset()

    def test_disabled_while_its_login_was_under_way(self, stores: Stores) -> None:
        """A client that is disabled between its authentication and the issue is issued nothing."""
        client_id, _ = stores.register()
        stores.clients.disable(client_id)
        counts = stores.counts()
        with pytest.raises(ClientEnded):
            stores.issue(client_id)
        assert stores.counts() == counts

    @pytest.mark.parametrize("deleted", [False, True], ids=["disabled", "deleted"])
    def test_grant_that_slipped_past_the_end_of_its_client(self, stores: Stores, *, deleted: bool) -> None:
        """A grant that is stored in the instant its client ends opens nothing, though nobody revoked it."""
        client_id, _ = stores.register()
        issued = stores.issue(client_id)
        clients, secrets = (Base.metadata.tables[name] for name in ("client", "client_secret"))
        own = clients.c.client_id == client_id
        with stores.engine.begin() as link:
            if deleted:
                link.execute(secrets.delete().where(secrets.c.client_id == client_id))
                link.execute(clients.delete().where(own))
            else:
                link.execute(clients.update().where(own).values(disabled_at=stores.now))
        assert not stores.lives(issued)
