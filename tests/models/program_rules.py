"""Every database lists the programs that hold a user's grants in the same way."""

import pytest

from models import StoreUnavailable, moment_of, new_grant_id, programs_of
from tests.fakes import OPERATOR
from tests.models.sign_in import ALICE, SignIn
from tests.models.stores import Place, Stores


class ProgramRules:
    """The list that a user sees."""

    def test_programs_are_listed_once_each(self, stores: Stores) -> None:
        """Each program has one line with all its scopes, its first grant and its last use."""
        sign_in, began = SignIn(stores), stores.now
        library, mail = sign_in.client(), sign_in.client()
        first = sign_in.issue(client_id=library, scope="openid profile")
        stores.clock.now += 100
        sign_in.issue(client_id=mail, scope="openid")
        sign_in.issue(client_id=library, scope="openid email", subject="subject-of-bob")
        stores.clock.now += 100
        sign_in.issue(client_id=library, scope="openid email")
        stores.clock.now += 100
        assert stores.rotate(first.refresh, stores.found(first.refresh))
        assert programs_of(ALICE, stores.now) == [
            (library, "a program", "openid email profile", began, began + 300, 2),
            (mail, "a program", "openid", began + 100, began + 100, 1),
        ]

    def test_ended_grants_are_not_listed(self, stores: Stores) -> None:
        """Revoked and expired grants, and those of a deleted client, are left out."""
        sign_in = SignIn(stores)
        revoked, expired, deleted = sign_in.client(), sign_in.client(), sign_in.client()
        issued = sign_in.issue(client_id=revoked)
        stores.grants.revoke_grant(issued.grant_id, stores.audit("grant.revoked"))
        sign_in.issue(client_id=expired)
        stores.clock.now += 86_400
        sign_in.issue(client_id=deleted)
        stores.clients.delete(deleted, actor=OPERATOR)
        assert programs_of(ALICE, stores.now) == []

    def test_kept_refresh_token_counts_as_use(self, stores: Stores) -> None:
        """A refresh that keeps its token is a use like one that rotates it."""
        issued = SignIn(stores).issue()
        stores.clock.now += 500
        assert stores.keep(issued.refresh, stores.found(issued.refresh))
        (program,) = programs_of(ALICE, stores.now)
        assert (program.since, program.last_used_at) == (stores.now - 500, stores.now)

    def test_time_of_a_grant_is_in_its_id(self, stores: Stores) -> None:
        """No column has it, so that the password grant stores none."""
        for at in (0, 1_800_000_000, 1_800_003_599.9):
            assert moment_of(new_grant_id(at)) == int(at)

    def test_list_is_not_empty_while_the_database_is_away(self, stores: Stores, place: Place) -> None:
        """If the database is away, the list raises StoreUnavailable instead of looking empty."""
        with place.away(), pytest.raises(StoreUnavailable):
            programs_of(ALICE, stores.now)
