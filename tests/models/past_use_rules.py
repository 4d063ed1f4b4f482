"""Every database tells from its audit and grants who has used a client with a password."""

import pytest

from models import StoreUnavailable, is_known_user, last_uses, record, remember_users
from models.tables import DEFAULT_DIRECTORY
from tests.models.stores import Place, Stores

ALICE, BOB = "subject-of-alice", "subject-of-bob"


def note(
    stores: Stores, client_id: str, subject: str | None = ALICE, grant_type: str | None = "password"
) -> None:
    """An audit row of a login, now."""
    record(stores.audit(client_id=client_id, subject=subject, grant_type=grant_type))


def is_known(stores: Stores, client_id: str, subject: str) -> bool:
    """Whether a person has used a client before now."""
    return is_known_user(client_id, DEFAULT_DIRECTORY, subject, stores.now)


class PastUseRules:
    """What an operator decides once is not read from counts that lag."""

    def test_login_is_the_last_use(self, stores: Stores) -> None:
        """The last login of each client counts; other grants and other events do not."""
        began = stores.now
        for client_id, grant_type in (("a", "password"), ("b", "password"), ("c", "client_credentials")):
            note(stores, client_id, grant_type=grant_type)
        record(stores.audit("grant.refused", client_id="d", grant_type="password"))
        stores.clock.now += 100
        note(stores, "a", BOB)
        assert last_uses(began, chunk_rows=2) == {"a": began + 100, "b": began}
        assert last_uses(began + 1, chunk_rows=2) == {"a": began + 100}

    def test_row_without_a_grant_type_counts_as_a_login(self, stores: Stores) -> None:
        """Audit rows from before the grant type was noted leave a doubt, and a doubt closes nothing."""
        note(stores, "old", grant_type=None)
        assert last_uses(stores.now) == {"old": stores.now}
        remember_users(["old"], stores.now)
        assert is_known(stores, "old", ALICE)

    def test_refresh_is_the_last_use(self, stores: Stores) -> None:
        """Only tokens that began with a password count."""
        issued = stores.issue("a", refresh_ttl=1_000_000, event=stores.audit("other"))
        code = stores.issue("b", event=stores.audit("other"), of_grant={"origin": "authorization_code"})
        stores.clock.now += 500
        for each in (issued, code):
            assert stores.rotate(each.refresh, stores.found(each.refresh))
        assert last_uses(stores.now) == {"a": stores.now}

    def test_everybody_with_a_login_or_a_grant_is_remembered(self, stores: Stores) -> None:
        """Neither is left out: the audit may be purged, and so may the grants."""
        stores.issue("a", subject=ALICE, event=stores.audit("other"))
        stores.issue("b", subject=BOB, event=stores.audit("other"))
        note(stores, "a", BOB)
        for number in range(5):
            note(stores, "a", f"subject-{number}")
        note(stores, "a", None)
        assert not is_known(stores, "a", ALICE)
        assert remember_users(["a"], stores.now, chunk_rows=2) == 7
        assert all(is_known(stores, "a", each) for each in (ALICE, BOB, "subject-0", "subject-4"))
        assert not is_known(stores, "b", BOB)

    def test_login_after_the_moment_counts_as_of_the_moment(self, stores: Stores) -> None:
        """A login that is stored while people are noted is one of a user who was there."""
        closed_at = stores.now
        stores.clock.now += 5
        note(stores, "a")
        remember_users(["a"], closed_at)
        assert is_known_user("a", DEFAULT_DIRECTORY, ALICE, closed_at)

    def test_past_uses_are_not_empty_while_the_database_is_away(self, stores: Stores, place: Place) -> None:
        """Otherwise every client would look unused, and every person new."""
        with place.away():
            with pytest.raises(StoreUnavailable):
                last_uses(0)
            with pytest.raises(StoreUnavailable):
                remember_users(["a"], stores.now)
