"""Every database keeps sign-in sessions in the same way, and ends what belongs to them."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from secrets import token_bytes
from threading import Barrier

import pytest

from models import (
    AlreadyUsed,
    CodeStore,
    MissingPerson,
    MissingPersonStore,
    SessionSelection,
    StoreUnavailable,
    end_sessions,
)
from models.database.driver import DriverConnection
from models.sessions.session_end import take_part_in
from tests.fakes import OPERATOR
from tests.models.sign_in import ALICE, URI, SignIn
from tests.models.stores import Place, Stores

THREADS = 16


class SessionRules:
    """Beginning, renewing and ending sessions."""

    def test_session_is_read_back_by_its_cookie(self, stores: Stores) -> None:
        """A session is found by its cookie's digest with all its values, and by no other."""
        sign_in = SignIn(stores)
        new, cookie = sign_in.begin()
        found = sign_in.sessions.find(cookie)
        assert found is not None
        assert found._replace(amr=tuple(found.amr)) == new
        assert sign_in.sessions.find(token_bytes(32)) is None
        assert sign_in.events() == [("session.begun", None)]

    def test_session_without_its_audit_row_does_not_begin(self, stores: Stores) -> None:
        """The session and its audit row are one transaction."""
        sign_in = SignIn(stores)
        with pytest.raises(StoreUnavailable):
            sign_in.sessions.begin(sign_in.session(), token_bytes(32), replace(stores.audit("x"), event=None))  # type: ignore[arg-type]
        assert stores.rows("sign_in_session") == []

    def test_long_user_agent_is_cut(self, stores: Stores) -> None:
        """A browser may send a name of any length; 255 characters of it are kept."""
        sign_in = SignIn(stores)
        _, cookie = sign_in.begin(user_agent="ü" * 5000)
        found = sign_in.sessions.find(cookie)
        assert found is not None
        assert found.user_agent == "ü" * 255

    def test_user_agent_of_any_characters_is_stored(self, stores: Stores) -> None:
        """No text that a browser sends is an error of the database."""
        sign_in = SignIn(stores)
        _, cookie = sign_in.begin(user_agent="a\0b\ud800c\x1bd\u202eé😀")
        found = sign_in.sessions.find(cookie)
        assert found is not None
        assert found.user_agent == "a?b?c?d?é😀"

    def test_next_sign_in_keeps_the_id_and_replaces_the_cookie(self, stores: Stores) -> None:
        """If the same user signs in again, the id stays, and the old cookie finds nothing."""
        sign_in = SignIn(stores)
        old, cookie = sign_in.begin()
        stores.clock.now += 100
        new, event = sign_in.session(net_id="alice2"), stores.audit("session.renewed")
        assert sign_in.sessions.reauthenticated(old.id, b"n" * 32, new, event)
        assert sign_in.sessions.find(cookie) is None
        found = sign_in.sessions.find(b"n" * 32)
        assert found is not None
        assert (found.id, found.created_at) == (old.id, old.created_at)
        assert (found.auth_time, found.net_id) == (stores.now, "alice2")

    def test_another_user_cannot_renew_a_session(self, stores: Stores) -> None:
        """A sign-in of another user does not take over the session."""
        sign_in = SignIn(stores)
        old, cookie = sign_in.begin()
        bob = sign_in.session(subject="subject-of-bob")
        assert not sign_in.sessions.reauthenticated(old.id, b"n" * 32, bob, stores.audit("session.renewed"))
        assert sign_in.sessions.find(cookie) is not None

    def test_ended_session_is_not_renewed_used_or_checked(self, stores: Stores) -> None:
        """Nothing makes a session live again."""
        sign_in = SignIn(stores)
        old, cookie = sign_in.begin()
        assert sign_in.sessions.end(old.id, stores.audit("session.ended"))
        before = sign_in.sessions.find(cookie)
        stores.clock.now += 100
        event = stores.audit("session.renewed")
        assert not sign_in.sessions.reauthenticated(old.id, b"n" * 32, sign_in.session(), event)
        assert not sign_in.sessions.checked(old.id, stores.now, {}, net_id=None)
        sign_in.sessions.touch(old.id, stores.now)
        assert sign_in.sessions.find(cookie) == before
        assert before is not None
        assert not before.is_live(stores.now)

    def test_use_and_check_are_noted(self, stores: Stores) -> None:
        """A use moves `last_used_at` forward only; a check stores the user's current values."""
        sign_in = SignIn(stores)
        new, cookie = sign_in.begin()
        sign_in.sessions.touch(new.id, stores.now + 9)
        sign_in.sessions.touch(new.id, stores.now + 3)
        assert sign_in.sessions.checked(new.id, stores.now + 7, {"name": "Alice B."}, net_id="alice2")
        found = sign_in.sessions.find(cookie)
        assert found is not None
        assert (found.last_used_at, found.checked_at) == (stores.now + 9, stores.now + 7)
        assert (found.person, found.net_id) == ({"name": "Alice B."}, "alice2")

    def test_end_is_told_once(self, stores: Stores) -> None:
        """The end of an ended or unknown session changes nothing and has no audit row."""
        sign_in = SignIn(stores)
        new, _ = sign_in.begin()
        event = stores.audit("session.ended", reason="asked")
        assert [sign_in.sessions.end(new.id, event) for _ in range(2)] == [True, False]
        assert not sign_in.sessions.end(token_bytes(16), event)
        assert sign_in.events() == [("session.begun", None), ("session.ended", "asked: 0 grants")]

    def test_end_of_a_session_ends_its_grants(self, stores: Stores) -> None:
        """The grants of the session end; those with `offline_access`, of others and without stay."""
        sign_in = SignIn(stores)
        (mine, _), (other, _) = sign_in.begin(), sign_in.begin()
        gone = sign_in.issue(mine)
        offline = sign_in.issue(mine, scope="openid offline_access profile")
        # An underscore must not match any character.
        similar = sign_in.issue(mine, scope="offline-access")
        kept = [offline, sign_in.issue(other), stores.issue()]
        assert sign_in.sessions.end(mine.id, stores.audit("session.ended"))
        assert not stores.lives(gone)
        assert not stores.lives(similar)
        assert all(map(stores.lives, kept))
        assert sign_in.events()[-1] == ("session.ended", "2 grants")

    def test_end_of_a_session_notifies_its_clients(self, stores: Stores) -> None:
        """Clients that can be told get a notice with the `sub` that they saw; others do not."""
        sign_in = SignIn(stores)
        new, _ = sign_in.begin()
        told = sign_in.client(backchannel_logout_uri=URI)
        silent, disabled = sign_in.client(), sign_in.client(backchannel_logout_uri=URI)
        for client_id in (told, silent, disabled):
            sign_in.code(new, client_id, sub="pairwise")
        sign_in.client(backchannel_logout_uri=URI)
        stores.clients.disable(disabled, actor=OPERATOR)
        assert sign_in.sessions.end(new.id, stores.audit("session.ended"))
        (notice,) = sign_in.notices.due(stores.now, 10)
        assert (notice.client_id, notice.uri, notice.sub) == (told, URI, "pairwise")
        assert (notice.session_id, notice.attempts) == (new.id, 0)
        assert notice.expires_at == stores.now + 86_400

    def test_client_takes_part_once(self, stores: Stores) -> None:
        """A second approval for the same client renews the `sub`; an ended session takes no part."""
        sign_in = SignIn(stores)
        (new, _), (over, _) = sign_in.begin(), sign_in.begin()
        sign_in.sessions.end(over.id, stores.audit("session.ended"))
        for session, sub in ((new, "first"), (new, "second"), (over, "late")):
            with DriverConnection() as link:
                take_part_in(link, session.id, "a-client", sub)
                link.commit()
        (part,) = stores.rows("session_client")
        assert part == {"session_id": new.id, "client_id": "a-client", "sub": "second"}

    def test_sign_in_of_another_user_ends_the_session_before(self, stores: Stores) -> None:
        """The session that the browser had ends with its grants, in the transaction of the next one."""
        sign_in = SignIn(stores)
        old, cookie = sign_in.begin()
        issued = sign_in.issue(old)
        with stores.counted_commits() as commits:
            sign_in.begin(subject="subject-of-bob", replaces=old.id)
        assert len(commits) == 1
        found = sign_in.sessions.find(cookie)
        assert found is not None
        assert found.ended_at == stores.now
        assert not stores.lives(issued)
        (ended,) = (row for row in stores.rows("audit_event") if row["event"] == "session.ended")
        assert ended["subject"] == ALICE

    def test_every_session_of_a_user_ends_at_once(self, stores: Stores) -> None:
        """All sessions of the user end with their grants, with one audit row; others stay."""
        sign_in = SignIn(stores)
        mine = [sign_in.begin()[0] for _ in range(3)]
        bob, cookie = sign_in.begin(subject="subject-of-bob")
        issued = [sign_in.issue(each) for each in mine]
        kept = sign_in.issue(bob)
        event = stores.audit("session.ended", subject=ALICE)
        assert sign_in.sessions.end_all(ALICE, event) == 3
        assert sign_in.sessions.end_all(ALICE, event) == 0
        assert not any(map(stores.lives, issued))
        assert stores.lives(kept)
        assert (found := sign_in.sessions.find(cookie)) is not None
        assert found.is_live(stores.now)
        assert sign_in.events()[-1] == ("session.ended", "3 sessions, 3 grants")

    def test_sessions_of_a_program_do_not_pile_up(self, stores: Stores) -> None:
        """Beyond a hundred sessions of one user, the one that was idle longest ends and is deleted."""
        sign_in = SignIn(stores)
        oldest, cookie = sign_in.begin(last_used_at=stores.now - 5)
        issued = sign_in.issue(oldest)
        _, other = sign_in.begin(subject="subject-of-bob", last_used_at=stores.now - 9)
        for _ in range(99):
            sign_in.begin()
        assert sign_in.sessions.find(cookie) is not None
        sign_in.begin()
        assert sign_in.sessions.find(cookie) is None
        assert not stores.lives(issued)
        assert sign_in.sessions.find(other) is not None
        assert len(sign_in.sessions.list_of(ALICE)) == 100

    @pytest.mark.parametrize("used_ago", [0, 7])
    def test_new_session_outlives_the_cap(self, stores: Stores, used_ago: int) -> None:
        """The cap ends no session that has just begun: not on a tie, and not with a clock that is behind."""
        sign_in = SignIn(stores)
        for _ in range(100):
            sign_in.begin()
        newest, cookie = sign_in.begin(id=b"\xff" * 16, last_used_at=stores.now - used_ago)
        found = sign_in.sessions.find(cookie)
        assert found is not None
        assert (found.id, found.ended_at) == (newest.id, None)
        assert len(sign_in.sessions.list_of(ALICE)) == 100

    def test_end_of_everything_at_once_waits_for_nobody(self, stores: Stores) -> None:
        """Sign-ins, exchanges, refreshes and ends of one user's sessions at once: no error, nothing left."""
        sign_in, start = SignIn(stores), Barrier(THREADS)
        stores.issue()
        sessions = [sign_in.begin()[0] for _ in range(THREADS)]
        keys = [sign_in.code(each) for each in sessions]
        issued = [sign_in.issue(each) for each in sessions]

        def work(number: int) -> None:
            mine = sessions[number]
            with stores.site.app.app_context():
                start.wait()
                if number % 4 == 0:
                    sign_in.sessions.end_all(ALICE, stores.audit("session.ended"))
                elif number % 4 == 1:
                    end_sessions(
                        SessionSelection(subjects=[ALICE]), stores.audit("session.ended"), stores.now
                    )
                elif number % 4 == 2:
                    stores.rotate(issued[number].refresh, stores.found(issued[number].refresh))
                    sign_in.begin(replaces=mine.id)
                else:
                    sign_in.code(mine)
                    with suppress(AlreadyUsed):
                        sign_in.issue(mine, redeem=CodeStore.redeem(keys[number]))

        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(work, range(THREADS)))
        of_these = {each.id for each in sessions}
        live = [row for row in stores.rows("grant") if row["revoked_at"] is None]
        assert not [row for row in live if row["session_id"] in of_these]

    def test_list_has_the_live_sessions_of_a_user(self, stores: Stores) -> None:
        """Ended, expired, idle and foreign sessions are left out; the last one used is first."""
        sign_in = SignIn(stores)
        first, _ = sign_in.begin(last_used_at=stores.now - 50)
        second, _ = sign_in.begin()
        ended, _ = sign_in.begin()
        sign_in.sessions.end(ended.id, stores.audit("session.ended"))
        sign_in.begin(expires_at=stores.now)
        sign_in.begin(last_used_at=stores.now - 5000)
        sign_in.begin(subject="subject-of-bob")
        listed = sign_in.sessions.list_of(ALICE, used_since=stores.now - 4000)
        assert [each.id for each in listed] == [second.id, first.id]

    def test_sessions_end_when_their_user_is_certainly_gone(self, stores: Stores) -> None:
        """A second server's miss ends the sessions as it ends grants, and their clients are notified."""
        sign_in, missing = SignIn(stores), MissingPersonStore()
        session, cookie = sign_in.begin()
        other, _ = sign_in.begin(subject="subject-of-bob")
        client_id = sign_in.client(backchannel_logout_uri=URI)
        sign_in.code(session, client_id)
        event = stores.audit("grant.revoked", subject=ALICE, reason="unknown_person")
        assert missing.missed(ALICE, ["one"], event).session_event is None
        assert len(sign_in.sessions.list_of(ALICE)) == 1
        told = missing.missed(ALICE, ["two"], event).session_event
        assert told is not None
        assert (told.event, told.reason) == ("session.ended", "unknown_person: 1 sessions")
        found = sign_in.sessions.find(cookie)
        assert found is not None
        assert found.ended_at == stores.now
        assert [each.client_id for each in sign_in.notices.due(stores.now, 10)] == [client_id]
        assert [each.id for each in sign_in.sessions.list_of("subject-of-bob")] == [other.id]
        assert ("session.ended", "unknown_person: 1 sessions, 0 grants") in sign_in.events()

    def test_user_who_is_found_by_a_session_was_not_missing(self, stores: Stores) -> None:
        """A miss before does not count any more: the next one is the first again."""
        sign_in, missing = SignIn(stores), MissingPersonStore()
        session, _ = sign_in.begin()
        event = stores.audit("grant.revoked", subject=ALICE, reason="unknown_person")
        missing.missed(ALICE, ["one"], event)
        missing.missed("subject-of-bob", ["one"], replace(event, subject="subject-of-bob"))
        assert sign_in.sessions.checked(session.id, stores.now, {}, net_id="alice")
        assert [row["subject"] for row in stores.rows("missing_person")] == ["subject-of-bob"]
        assert missing.missed(ALICE, ["two"], event).absence is MissingPerson.UNCERTAIN

    def test_notice_is_claimed_by_one_sender(self, stores: Stores) -> None:
        """Of two senders that read a notice, one takes it; it is due again later, until it is deleted."""
        sign_in = SignIn(stores)
        new, _ = sign_in.begin()
        client_id = sign_in.client(backchannel_logout_uri=URI)
        sign_in.code(new, client_id)
        sign_in.sessions.end(new.id, stores.audit("session.ended"))
        (notice,) = sign_in.notices.due(stores.now, 10)
        taken = [sign_in.notices.claim(notice.id, notice.attempts, stores.now + 30) for _ in range(2)]
        assert taken == [True, False]
        assert sign_in.notices.due(stores.now + 29, 10) == []
        (again,) = sign_in.notices.due(stores.now + 30, 10)
        assert again.attempts == 1
        sign_in.notices.delete(notice.id)
        assert sign_in.notices.due(stores.now + 30, 10) == []

    def test_notice_that_expired_is_not_sent(self, stores: Stores) -> None:
        """After a day, a notice is given up."""
        sign_in = SignIn(stores)
        new, _ = sign_in.begin()
        sign_in.code(new, sign_in.client(backchannel_logout_uri=URI))
        sign_in.sessions.end(new.id, stores.audit("session.ended"))
        assert sign_in.notices.due(stores.now + 86_399, 10)
        assert sign_in.notices.due(stores.now + 86_400, 10) == []

    def test_session_is_unknown_while_the_database_is_away(self, stores: Stores, place: Place) -> None:
        """If the database is away, a session is neither found nor missing."""
        sign_in = SignIn(stores)
        new, cookie = sign_in.begin()
        with place.away():
            with pytest.raises(StoreUnavailable):
                sign_in.sessions.find(cookie)
            with pytest.raises(StoreUnavailable):
                sign_in.sessions.end(new.id, stores.audit("session.ended"))
