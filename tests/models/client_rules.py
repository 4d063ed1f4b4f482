"""Every database stores clients and their secrets in the same way."""

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
from tests.fakes import OPERATOR
from tests.models.stores import FIRST_KEY, SECOND_KEY, Stores

DAY = 86_400


def only_secret(stores: Stores, client_id: str) -> ClientSecret:
    """The only secret of a client."""
    client = stores.clients.get(client_id)
    assert client is not None
    (secret,) = client.secrets
    return secret


class ClientRules:
    """Registering, changing, finding and deleting clients."""

    def test_registered_values_are_read_back(self, stores: Stores) -> None:
        """A client is read back with every value that it was registered with."""
        registration = Registration(
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
        made, _ = stores.clients.create(registration, actor=OPERATOR)
        found = stores.clients.get(made.client_id)
        assert found == made
        assert {name: getattr(found, name) for name in registration.__slots__} == {
            name: getattr(registration, name) for name in registration.__slots__
        }
        assert (made.created_at, made.disabled_at) == (stores.now, None)

    def test_unknown_client_is_none(self, stores: Stores) -> None:
        """The look-up of an id that was never registered returns None."""
        assert stores.clients.get("nobody") is None

    def test_unknown_client_costs_the_read_of_a_client(self, stores: Stores) -> None:
        """For an unknown id, the first client is read, so that the time does not reveal which ids exist."""
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
    def test_impossible_client_id_is_unknown(self, stores: Stores, strange: str) -> None:
        """An id that no client can have is answered as any unknown id."""
        stores.register()
        assert stores.clients.get(strange) is None
        with pytest.raises(KeyError):
            stores.clients.update(strange, {"owner": "me"}, actor=OPERATOR)
        with pytest.raises(KeyError):
            stores.clients.retire_secret(strange, 1, actor=OPERATOR)

    def test_list_is_in_order_of_names(self, stores: Stores) -> None:
        """Clients are listed by name, each with its own secrets."""
        second, _ = stores.register("beta")
        first, _ = stores.register("alpha")
        stores.clients.rotate_secret(second, old_not_after=stores.now + DAY, actor=OPERATOR)
        listed = stores.clients.list()
        assert [each.client_id for each in listed] == [first, second]
        assert [len(each.secrets) for each in listed] == [1, 2]

    def test_update_changes_only_the_given_values(self, stores: Stores) -> None:
        """An update changes the given values of one client only."""
        client_id, _ = stores.register(scope="profile", owner="old")
        other, _ = stores.register("another", owner="old")
        changed = stores.clients.update(
            client_id, {"owner": "new", "grant_types": ["password"]}, actor=OPERATOR
        )
        assert (changed.owner, changed.scope, changed.grant_types) == ("new", "profile", ("password",))
        untouched = stores.clients.get(other)
        assert untouched is not None
        assert untouched.owner == "old"

    def test_update_of_an_unknown_client_is_an_error(self, stores: Stores) -> None:
        """An update of an unknown client raises KeyError."""
        with pytest.raises(KeyError):
            stores.clients.update("nobody", {"owner": "new"}, actor=OPERATOR)

    def test_public_client_has_no_secret(self, stores: Stores) -> None:
        """A public client gets no secret at registration or by rotation."""
        public = Registration(client_name="an app", token_endpoint_auth_method="none")
        client, secret = stores.clients.create(public, actor=OPERATOR)
        assert secret is None
        assert client.is_public
        assert not client.secrets
        with pytest.raises(ValueError, match="public"):
            stores.clients.rotate_secret(client.client_id, old_not_after=stores.now, actor=OPERATOR)
        assert not stores.rows("client_secret")

    def test_secret_is_stored_only_as_an_hmac(self, stores: Stores) -> None:
        """The database holds the secret's HMAC under the server's key, and nothing else of it."""
        _, secret = stores.register()
        (row,) = stores.rows("client_secret")
        assert row["digest"] == hmac.digest(FIRST_KEY[1], secret.encode(), "sha256")
        assert row["key_id"] == FIRST_KEY[0]
        assert secret not in str(row)

    def test_secret_needs_no_encoding(self, stores: Stores) -> None:
        """The characters of a secret are the same in a URL, a form and Basic authentication."""
        _, secret = stores.register()
        assert secret.isascii()
        assert secret.replace("_", "").replace("-", "").isalnum()

    def test_repr_of_a_client_shows_no_digest(self, stores: Stores) -> None:
        """A client that is written to a log line shows no digest."""
        client_id, _ = stores.register()
        client = stores.clients.get(client_id)
        assert client is not None
        assert "digest" not in repr(client)

    def test_old_secret_is_valid_until_its_end(self, stores: Stores) -> None:
        """After a rotation both secrets are valid until the old one ends."""
        client_id, old = stores.register()
        new = stores.clients.rotate_secret(client_id, old_not_after=stores.now + DAY, actor=OPERATOR)
        assert stores.verifies(old, client_id)
        stores.clock.now += DAY - 1
        assert stores.verifies(old, client_id)
        stores.clock.now += 1
        assert not stores.verifies(old, client_id)
        assert stores.verifies(new, client_id)

    def test_rotation_does_not_extend_an_old_secret(self, stores: Stores) -> None:
        """A later rotation does not move the end of a secret that ends sooner."""
        client_id, old = stores.register()
        stores.clients.rotate_secret(client_id, old_not_after=stores.now + 60, actor=OPERATOR)
        stores.clients.rotate_secret(client_id, old_not_after=stores.now + DAY, actor=OPERATOR)
        stores.clock.now += 60
        assert not stores.verifies(old, client_id)

    def test_client_may_have_several_valid_secrets(self, stores: Stores) -> None:
        """Several secrets are valid at once; their serial numbers count up."""
        client_id, first = stores.register()
        later = [
            stores.clients.rotate_secret(client_id, old_not_after=stores.now + DAY, actor=OPERATOR)
            for _ in range(3)
        ]
        assert all(stores.verifies(secret, client_id) for secret in [first, *later])
        client = stores.clients.get(client_id)
        assert client is not None
        assert [secret.serial for secret in client.secrets] == [1, 2, 3, 4]

    def test_rotation_leaves_other_clients_alone(self, stores: Stores) -> None:
        """A rotation ends no secret of another client."""
        client_id, _ = stores.register()
        other, secret = stores.register("another")
        stores.clients.rotate_secret(client_id, old_not_after=stores.now, actor=OPERATOR)
        assert stores.verifies(secret, other)

    def test_retired_secret_ends_at_once(self, stores: Stores) -> None:
        """Retiring ends one secret now and leaves the others valid."""
        client_id, old = stores.register()
        new = stores.clients.rotate_secret(client_id, old_not_after=stores.now + DAY, actor=OPERATOR)
        stores.clients.retire_secret(client_id, 1, actor=OPERATOR)
        assert not stores.verifies(old, client_id)
        assert stores.verifies(new, client_id)

    @pytest.mark.parametrize("serial", [0, -1, 2, 2**31, 2**80])
    def test_retiring_an_unknown_secret_is_an_error(self, stores: Stores, serial: int) -> None:
        """An unknown serial number raises KeyError, however large it is."""
        client_id, _ = stores.register()
        with pytest.raises(KeyError):
            stores.clients.retire_secret(client_id, serial, actor=OPERATOR)

    def test_disabling_a_client_ends_its_tokens(self, stores: Stores) -> None:
        """Disabling a client ends its own tokens only."""
        client_id, _ = stores.register()
        mine, other = stores.issue(client_id), stores.issue("another")
        assert stores.clients.disable(client_id, actor=OPERATOR).disabled_at == stores.now
        assert not stores.lives(mine)
        assert stores.lives(other)

    def test_deleting_a_client_ends_its_tokens_and_secrets(self, stores: Stores) -> None:
        """Deleting a client ends its tokens, deletes its secrets, and changes no other client."""
        client_id, _ = stores.register()
        other, secret = stores.register("another")
        mine = stores.issue(client_id)
        stores.clients.delete(client_id, actor=OPERATOR)
        assert not stores.lives(mine)
        assert stores.clients.get(client_id) is None
        assert [row["client_id"] for row in stores.rows("client_secret")] == [other]
        assert stores.verifies(secret, other)

    def test_old_secrets_verify_after_a_new_server_key(self, stores: Stores) -> None:
        """With a new first server key, old secrets still match, and new ones use the new key."""
        client_id, old = stores.register()
        ringed = stores.clients_with(SECOND_KEY, FIRST_KEY)
        assert stores.verifies(old, client_id, ringed)
        new = ringed.rotate_secret(client_id, old_not_after=stores.now + DAY, actor=OPERATOR)
        assert stores.verifies(old, client_id, ringed)
        assert stores.verifies(new, client_id, ringed)
        assert [row["key_id"] for row in stores.rows("client_secret")] == ["first", "second"]

    def test_secret_does_not_match_without_its_server_key(self, stores: Stores) -> None:
        """Without the server key that made its digest, a secret does not match."""
        client_id, secret = stores.register()
        assert not stores.verifies(secret, client_id, stores.clients_with(SECOND_KEY))

    def test_secret_key_ids_names_every_key_in_use(self, stores: Stores) -> None:
        """The ids of all server keys that made stored digests are returned, each once."""
        assert secret_key_ids(stores.now) == frozenset()
        stores.register()
        stores.register("another")
        assert secret_key_ids(stores.now) == {"first"}
        stores.clients_with(SECOND_KEY).create(Registration(client_name="a third"), actor=OPERATOR)
        assert secret_key_ids(stores.now) == {"first", "second"}

    def test_ended_secret_needs_no_server_key(self, stores: Stores) -> None:
        """The server key of an ended secret may be removed."""
        client_id, _ = stores.register()
        stores.clients_with(SECOND_KEY).rotate_secret(client_id, old_not_after=stores.now + 1, actor=OPERATOR)
        assert secret_key_ids(stores.now) == {"first", "second"}
        assert secret_key_ids(stores.now + 1) == {"second"}

    def test_digest_is_renewed(self, stores: Stores) -> None:
        """A renewal stores the digest under the first server key; the secret stays the same."""
        client_id, secret = stores.register()
        ring = stores.clients_with(SECOND_KEY, FIRST_KEY)
        ring.renew_digest(client_id, only_secret(stores, client_id), secret)
        assert secret_key_ids(stores.now) == {"second"}
        assert stores.verifies(secret, client_id, stores.clients_with(SECOND_KEY))

    def test_renewal_does_not_overwrite_another_change(self, stores: Stores) -> None:
        """A renewal leaves a digest that another process has changed meanwhile."""
        client_id, secret = stores.register()
        old = replace(only_secret(stores, client_id), digest=b"another")
        stores.clients_with(SECOND_KEY, FIRST_KEY).renew_digest(client_id, old, secret)
        assert secret_key_ids(stores.now) == {"first"}

    def test_secret_key_ids_of_an_empty_database(self, bare: Stores) -> None:
        """A database without tables holds no secret, and this is no error."""
        assert secret_key_ids(bare.now) == frozenset()

    def test_client_disabled_during_a_login_gets_no_token(self, stores: Stores) -> None:
        """A client that is disabled between its authentication and the issue gets no token."""
        client_id, _ = stores.register()
        stores.clients.disable(client_id, actor=OPERATOR)
        counts = stores.counts()
        with pytest.raises(ClientEnded):
            stores.issue(client_id)
        assert stores.counts() == counts

    @pytest.mark.parametrize("deleted", [False, True], ids=["disabled", "deleted"])
    def test_grant_stored_while_its_client_ends_is_not_live(self, stores: Stores, *, deleted: bool) -> None:
        """A grant that is stored at the moment its client ends opens nothing, although nobody revoked it."""
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
