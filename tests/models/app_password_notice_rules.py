"""Owners of app passwords are told once before each end."""

from models import AppPasswordStore
from tests.models.app_password_rules import DAY, end, issue, made
from tests.models.stores import Stores


class AppPasswordNoticeRules:
    """When a notice about an app password is due."""

    def test_owner_is_told_once_before_disuse(self, stores: Stores) -> None:
        """A notice is due from 76 days without a use on; after the next use, it may be due again."""
        store, new = AppPasswordStore(stores.clock), made(stores)
        issue(stores, new)
        stores.clock.now += 76 * DAY - 1
        assert store.notices_due(stores.now) == []
        stores.clock.now += 1
        assert [each.id for each in store.notices_due(stores.now)] == [new.id]
        store.noticed(new.id, stores.now)
        assert store.notices_due(stores.now) == []
        stores.clock.now += DAY
        issue(stores, new)
        stores.clock.now += 76 * DAY
        assert [each.id for each in store.notices_due(stores.now)] == [new.id]
        end(stores, new)
        assert store.notices_due(stores.now) == []

    def test_notice_of_the_last_day_is_due_once(self, stores: Stores) -> None:
        """One that is used is noticed 14 days before its last day; one that was made for 14 days never is."""
        store, new, short = AppPasswordStore(stores.clock), made(stores, days=40), made(stores, days=14)
        assert store.notices_due(stores.now) == []
        stores.clock.now += 13 * DAY
        assert store.notices_due(stores.now) == []
        stores.clock.now += 12 * DAY
        issue(stores, new)
        stores.clock.now += DAY - 1
        assert store.notices_due(stores.now) == []
        stores.clock.now += 1
        assert short.expires_at < stores.now
        assert [each.id for each in store.notices_due(stores.now)] == [new.id]
        store.noticed(new.id, stores.now)
        issue(stores, new)
        stores.clock.now += 13 * DAY
        assert store.notices_due(stores.now) == []
