"""Every database loses what sign-in stored once it has ended, and not earlier."""

from secrets import token_bytes

import pytest

from models import AlreadyUsed, CodeStore, purge
from tests.models.sign_in import URI, SignIn
from tests.models.stores import Stores

HOUR, DAY = 3600, 86_400


def left(stores: Stores, table: str) -> int:
    """How many rows of a table are left after a purge."""
    purge(stores.now)
    return len(stores.rows(table))


class SignInPurgeRules:
    """The purge of the tables of sign-in."""

    def test_expired_session_is_purged_with_its_clients(self, stores: Stores) -> None:
        """A session stays for an hour after its end: its codes may still be used."""
        sign_in = SignIn(stores)
        over, _ = sign_in.begin(expires_at=stores.now + 10)
        live, _ = sign_in.begin()
        for each in (over, live):
            sign_in.code(each)
        stores.clock.now += 10 + HOUR - 1
        assert left(stores, "sign_in_session") == 2
        stores.clock.now += 1
        assert left(stores, "sign_in_session") == 1
        assert [row["session_id"] for row in stores.rows("session_client")] == [live.id]

    def test_ended_session_is_kept_until_it_would_have_expired(self, stores: Stores) -> None:
        """A code of an ended session gives nothing, before and after the purge."""
        sign_in = SignIn(stores)
        session, cookie = sign_in.begin()
        key = sign_in.code(session)
        sign_in.sessions.end(session.id, stores.audit("session.ended"))
        assert left(stores, "sign_in_session") == 1
        assert sign_in.sessions.find(cookie) is not None
        with pytest.raises(AlreadyUsed):
            sign_in.issue(session, redeem=CodeStore.redeem(key))

    def test_code_of_a_purged_session_gives_nothing(self, stores: Stores) -> None:
        """Where the session is gone, nobody can say that it had not ended."""
        sign_in = SignIn(stores)
        session, _ = sign_in.begin(expires_at=stores.now - HOUR)
        key = sign_in.code(session)
        assert left(stores, "sign_in_session") == 0
        found = sign_in.codes.find(key)
        assert found is not None
        assert found.session_ended
        with pytest.raises(AlreadyUsed):
            sign_in.issue(session, redeem=CodeStore.redeem(key))

    def test_used_code_is_remembered_for_a_day(self, stores: Stores) -> None:
        """A replay within a day finds the grant that the code gave; an unused code goes after a minute."""
        sign_in = SignIn(stores)
        used, _ = sign_in.code(None), sign_in.code(None)
        sign_in.issue(redeem=CodeStore.redeem(used))
        stores.clock.now += 60 + 59
        assert left(stores, "authorization_code") == 2
        stores.clock.now += 1
        assert left(stores, "authorization_code") == 1
        assert sign_in.codes.find(used) is not None
        stores.clock.now += DAY
        assert left(stores, "authorization_code") == 0

    def test_expired_requests_and_device_codes_are_purged(self, stores: Stores) -> None:
        """A request goes when it expires; a device learns for an hour that its code has expired."""
        sign_in = SignIn(stores)
        sign_in.requests.add(token_bytes(32), "pushed", "a-client", {}, stores.now + 60)
        key, _ = sign_in.device_code()
        assert left(stores, "authorization_request") == 1
        stores.clock.now += 60
        assert left(stores, "authorization_request") == 0
        stores.clock.now += 540 + HOUR - 1
        assert left(stores, "device_code") == 1
        assert sign_in.devices.find(key) is not None
        stores.clock.now += 1
        assert left(stores, "device_code") == 0

    def test_old_guesses_and_notices_are_purged(self, stores: Stores) -> None:
        """Guesses and notices are kept for a day."""
        sign_in = SignIn(stores)
        sign_in.devices.record_guess(None, "192.0.2.7", stores.now)
        session, _ = sign_in.begin()
        sign_in.code(session, sign_in.client(backchannel_logout_uri=URI))
        sign_in.sessions.end(session.id, stores.audit("session.ended"))
        stores.clock.now += DAY - 1
        assert (left(stores, "device_guess"), left(stores, "logout_notice")) == (1, 1)
        stores.clock.now += 1
        assert (left(stores, "device_guess"), left(stores, "logout_notice")) == (0, 0)

    def test_consents_stay(self, stores: Stores) -> None:
        """A consent is remembered until the user or an operator ends it."""
        sign_in = SignIn(stores)
        sign_in.consents.remember("subject-of-alice", "a-client", "openid")
        stores.clock.now += 400 * DAY
        assert left(stores, "consent") == 1

    def test_sign_in_is_purged_in_batches(self, stores: Stores) -> None:
        """Many rows go in several transactions."""
        sign_in = SignIn(stores)
        for _ in range(5):
            sign_in.begin(expires_at=stores.now - HOUR)
        assert purge(stores.now, batch=2)["sign_in_session"] == 5
