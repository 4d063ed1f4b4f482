"""App passwords: they give tokens while they live, and no token lives after them."""

import threading
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from secrets import token_bytes
from typing import Any

import pytest

from models import (
    MAX_APP_PASSWORDS,
    MAX_MADE_IN_A_DAY,
    UNUSED_SECONDS,
    AppPassword,
    AppPasswordEnded,
    AppPasswordStore,
    AppPasswordUse,
    ClientEnded,
    MissingPersonStore,
    StoreUnavailable,
    TooManyAppPasswords,
    TooManyInADay,
    app_password_subjects_of,
    db,
    purge,
)
from tests.fakes import OPERATOR
from tests.models.stores import Issued, Place, Stores

ALICE = "subject-of-alice"
CLIENT = "a-client"
DAY = 86_400


def made(stores: Stores, *, days: int = 180, **changes: Any) -> AppPassword:
    """An app password of alice, as of now, in the store."""
    new = AppPassword(
        id=token_bytes(16),
        client_id=CLIENT,
        directory="default",
        subject=ALICE,
        net_id="alice",
        label="Backup of the lab",
        scope="profile",
        networks=["192.0.2.0/24"],
        created_at=stores.now,
        expires_at=stores.now + days * DAY,
    )._replace(**changes)
    AppPasswordStore(stores.clock).add(new, sha256(new.id).digest(), stores.audit("app_password.created"))
    return new


def found(stores: Stores, app_password: AppPassword) -> AppPassword:
    """The app password as it is stored now."""
    stored = AppPasswordStore(stores.clock).find(sha256(app_password.id).digest())
    assert stored is not None
    return stored


def issue(stores: Stores, app_password: AppPassword, *, used_at: int | None = None, **changes: Any) -> Issued:
    """Issue a grant for an app password, as the token endpoint does."""
    return stores.issue(
        app_password.client_id,
        subject=app_password.subject,
        of_grant={"app_password_id": app_password.id},
        redeem=AppPasswordUse(app_password.id, used_at=used_at),
        **changes,
    )


def end(stores: Stores, app_password: AppPassword) -> bool:
    """End an app password as its user does."""
    event = stores.audit("app_password.ended", reason="user")
    return AppPasswordStore(stores.clock).end(app_password.id, "user", event)


class AppPasswordRules:
    """App passwords in the database."""

    def test_app_password_is_found_by_its_digest(self, stores: Stores) -> None:
        """Every value is stored; the digest of another text finds nothing."""
        new = made(stores, created_by="admin", password_changed_at=stores.now - 5)
        store = AppPasswordStore(stores.clock)
        assert store.find(sha256(new.id).digest()) == new == store.get(new.id)
        assert store.find(sha256(b"another").digest()) is None
        (event,) = stores.rows("audit_event")
        assert (event["event"], event["app_password_id"]) == ("app_password.created", new.id.hex())

    def test_app_password_without_its_audit_row_is_not_stored(self, stores: Stores) -> None:
        """The app password and its audit row are one transaction."""
        broken = stores.audit(None)  # type: ignore[arg-type]
        new = AppPassword(bytes(16), CLIENT, "default", ALICE, None, "l", "", [], 1, 2)
        with pytest.raises(StoreUnavailable):
            AppPasswordStore(stores.clock).add(new, bytes(32), broken)
        assert stores.rows("app_password") == []

    def test_person_has_a_bounded_number_of_app_passwords(self, stores: Stores) -> None:
        """The fifty-first live app password is refused; those of others and ended ones do not count."""
        many = [made(stores) for _ in range(MAX_APP_PASSWORDS)]
        with pytest.raises(TooManyAppPasswords):
            made(stores)
        made(stores, subject="another")
        assert end(stores, many[0])
        made(stores)
        with pytest.raises(TooManyAppPasswords):
            made(stores)
        stores.clock.now += 181 * DAY
        made(stores)

    def test_making_and_ending_in_turn_is_bounded(self, stores: Stores) -> None:
        """Ended ones are stored for a year, so a day adds a bounded number of them for each person."""
        for _ in range(MAX_MADE_IN_A_DAY):
            assert end(stores, made(stores))
        with pytest.raises(TooManyInADay):
            made(stores)
        assert len(stores.rows("app_password")) == MAX_MADE_IN_A_DAY
        made(stores, subject="another")
        stores.clock.now += DAY - 1
        with pytest.raises(TooManyInADay):
            made(stores)
        stores.clock.now += 1
        made(stores)

    @pytest.mark.parametrize("before", [0, 3])
    def test_app_passwords_that_are_made_at_once_are_bounded_too(
        self, stores: Stores, monkeypatch: pytest.MonkeyPatch, before: int
    ) -> None:
        """Four requests that each would make the last one make one, also if it is the first one."""
        most = before + 1
        monkeypatch.setattr("models.app_passwords.app_password_store.MAX_APP_PASSWORDS", most)
        for _ in range(before):
            made(stores)
        refused: list[None] = []

        def make() -> None:
            try:
                made(stores)
            except TooManyAppPasswords:
                refused.append(None)

        run_together(stores, threading.Barrier(4), make, make, make, make)
        assert (len(refused), len(stores.rows("app_password"))) == (3, most)

    def test_use_is_noted_in_the_transaction_of_the_issue(self, stores: Stores) -> None:
        """An issue notes the use; an issue that fails notes nothing."""
        new = made(stores)
        issue(stores, new)
        used = found(stores, new)
        assert used.last_used_at == stores.now
        stores.clock.now += 60
        stores.clients.disable(CLIENT, actor=OPERATOR)
        with pytest.raises(ClientEnded):
            issue(stores, new)
        assert found(stores, new) == used

    @pytest.mark.parametrize("why", ["ended", "expired", "unused", "unknown"])
    def test_dead_app_password_gives_no_grant(self, stores: Stores, why: str) -> None:
        """One that ended, expired, or was not used for 90 days gives nothing, and nothing is stored."""
        new = made(stores)
        stores.issue()
        if why == "ended":
            end(stores, new)
        elif why == "unknown":
            new = new._replace(id=bytes(16))
        else:
            stores.clock.now += (180 if why == "expired" else 90) * DAY
        before = stores.counts()
        with pytest.raises(AppPasswordEnded):
            issue(stores, new)
        assert stores.counts() == before

    def test_life_ends_at_its_bounds(self, stores: Stores) -> None:
        """`is_live` agrees with the condition of an issue, to the second."""
        for last in (180 * DAY, UNUSED_SECONDS):
            new = made(stores, expires_at=stores.now + min(last, 180 * DAY))
            end_at = min(new.expires_at, new.created_at + UNUSED_SECONDS)
            assert new.is_live(end_at - 1)
            assert not new.is_live(end_at)
        kept = made(stores)
        stores.clock.now += UNUSED_SECONDS - 1
        issue(stores, kept)
        assert found(stores, kept).is_live(stores.now + UNUSED_SECONDS - 1)

    def test_end_takes_every_token(self, stores: Stores) -> None:
        """Access tokens and refresh families of the app password end with it, and no others."""
        new, other = made(stores), made(stores)
        gone, kept, password = issue(stores, new), issue(stores, other), stores.issue()
        assert stores.rotate(gone.refresh, stores.found(gone.refresh))
        with stores.counted_commits() as commits:
            assert end(stores, new)
        # The second is of the audit row.
        assert len(commits) == 2
        assert not stores.lives(gone)
        assert stores.lives(kept)
        assert stores.lives(password)
        assert not stores.found(gone.refresh).is_live(stores.now)
        ended = found(stores, new)
        assert (ended.ended_at, ended.end_reason) == (stores.now, "user")
        row = stores.rows("audit_event")[-1]
        assert (row["app_password_id"], row["reason"]) == (new.id.hex(), "user: 1 grants")
        assert (row["subject"], row["client_id"]) == (ALICE, CLIENT)
        assert not end(stores, new)

    def test_refresh_is_a_use(self, stores: Stores) -> None:
        """A refresh notes the use, rotated or kept; the look-up says which app password gave the grant."""
        new = made(stores)
        issued = issue(stores, new, refresh_ttl=100 * DAY)
        assert stores.found(issued.refresh).app_password_id == new.id
        assert stores.found(issued.refresh).origin == "password"
        for refresh in (stores.keep, stores.rotate):
            stores.clock.now += 60
            assert refresh(issued.refresh, stores.found(issued.refresh))
            assert found(stores, new).last_used_at == stores.now

    def test_refresh_after_disuse_is_refused(self, stores: Stores) -> None:
        """Even where nobody has ended the unused app password yet, its families give nothing."""
        new = made(stores)
        issued = issue(stores, new, refresh_ttl=200 * DAY)
        token = stores.found(issued.refresh)
        stores.clock.now += UNUSED_SECONDS
        before = stores.counts()
        for refresh in (stores.keep, stores.rotate):
            with pytest.raises(AppPasswordEnded):
                refresh(issued.refresh, token)
        assert stores.counts() == before
        assert stores.found(issued.refresh).used_at is None

    def test_all_of_a_person_end_at_once(self, stores: Stores) -> None:
        """`end_all` ends a person's, or those for one client; each has its audit row."""
        store = AppPasswordStore(stores.clock)
        mine, at_other = made(stores), made(stores, client_id="other-client")
        of_bob = made(stores, subject="bob")
        event = stores.audit("app_password.ended", reason="operator")
        assert store.end_all("default", ALICE, "operator", event, client_id=CLIENT) == 1
        assert found(stores, at_other).ended_at is None
        assert store.end_all("default", ALICE, "operator", event) == 1
        assert store.end_all("elsewhere", "bob", "operator", event) == 0
        assert found(stores, of_bob).ended_at is None
        assert store.end_all_of_client(CLIENT, "operator", event) == 1
        assert {found(stores, each).end_reason for each in (mine, at_other, of_bob)} == {"operator"}
        ended = [row["app_password_id"] for row in stores.rows("audit_event") if row["reason"] == "operator"]
        assert ended == [mine.id.hex(), at_other.id.hex(), of_bob.id.hex()]

    def test_due_app_passwords_end_with_their_tokens(self, stores: Stores) -> None:
        """Expired and unused ones end once, each with its reason and its grants; used ones stay."""
        store = AppPasswordStore(stores.clock)
        expired, unused, used = made(stores, days=91), made(stores), made(stores)
        grants = [issue(stores, each, refresh_ttl=200 * DAY) for each in (expired, unused, used)]
        stores.clock.now += 60 * DAY
        issue(stores, used)
        issue(stores, expired)
        assert store.end_due(stores.now) == []
        stores.clock.now += 31 * DAY
        ended = store.end_due(stores.now)
        assert {(each.id, each.end_reason) for each in ended} == {
            (expired.id, "expired"),
            (unused.id, "unused"),
        }
        assert [stores.found(each.refresh).revoked_at is None for each in grants] == [False, False, True]
        assert store.end_due(stores.now) == []
        rows = [row for row in stores.rows("audit_event") if row["event"] == "app_password.ended"]
        assert sorted(row["reason"] for row in rows) == ["expired: 2 grants", "unused: 1 grants"]

    def test_app_passwords_are_listed(self, stores: Stores) -> None:
        """A person sees all of theirs, an operator the live ones, by client or person."""
        store, mine = AppPasswordStore(stores.clock), made(stores)
        stores.clock.now += 1
        ended = made(stores)
        other = made(stores, client_id="other-client", subject="bob")
        end(stores, ended)
        assert [each.id for each in store.list_of("default", ALICE)] == [ended.id, mine.id]
        assert store.list_of("elsewhere", ALICE) == []
        assert ([each.id for each in store.list_all(None, 5)[0]]) == [other.id, mine.id]
        assert store.list_all(None, 1) == ([other], True)
        assert store.list_all(CLIENT, 5) == ([mine], False)
        assert store.list_all(None, 5, subjects=["bob"]) == ([other], False)

    def test_owner_is_found_by_id_or_name(self, stores: Stores) -> None:
        """By both as long as one has not ended; a name that two people had means both of them."""
        mine, other = made(stores), made(stores, subject="another-alice")
        private = made(stores, subject="private", net_id=None)
        assert app_password_subjects_of("alice") == sorted([ALICE, "another-alice"])
        assert app_password_subjects_of("private") == ("private",)
        assert app_password_subjects_of("alice", directory="elsewhere") == []
        assert [list(app_password_subjects_of(name)) for name in ("nobody", "\0", "\ud800", "")] == [[]] * 4
        for each in (mine, other, private):
            end(stores, each)
        assert [list(app_password_subjects_of(name)) for name in ("alice", "private", ALICE)] == [[]] * 3

    def test_app_passwords_end_with_the_account(self, stores: Stores) -> None:
        """When a person is certainly gone, their app passwords end with the reason."""
        new = made(stores)
        issued = issue(stores, new)
        event = stores.audit("grant.revoked", subject=ALICE, reason="unknown_person")
        MissingPersonStore().missed(ALICE, ("ldaps://one", "ldaps://two"), event)
        assert found(stores, new).end_reason == "unknown_person"
        assert not stores.lives(issued)
        (row,) = [row for row in stores.rows("audit_event") if row["event"] == "app_password.ended"]
        assert row["app_password_id"] == new.id.hex()

    def test_ended_app_password_is_listed_for_a_year(self, stores: Stores) -> None:
        """The purge deletes what ended a year ago, and never a live one."""
        ended, live = made(stores), made(stores, days=4000)
        end(stores, ended)
        stores.clock.now += 366 * DAY - 1
        assert purge(stores.now)["app_password"] == 0
        stores.clock.now += 1
        assert purge(stores.now)["app_password"] == 1
        assert [row["id"] for row in stores.rows("app_password")] == [live.id]

    def test_deleted_client_leaves_no_app_password(self, stores: Stores) -> None:
        """A client that gets the same id later gets none of the app passwords of the deleted one."""
        new = made(stores)
        issue(stores, new)
        stores.clients.delete(CLIENT, actor=OPERATOR)
        assert stores.rows("app_password") == []

    def test_value_of_an_app_password_is_not_in_a_dump(self, stores: Stores, place: Place) -> None:
        """A stolen dump has the digest, not what it was made from."""
        secret = token_bytes(32)
        new = AppPassword(token_bytes(16), CLIENT, "default", ALICE, None, "l", "", [], 1, stores.now + 9)
        digest = sha256(secret).digest()
        AppPasswordStore(stores.clock).add(new, digest, stores.audit("app_password.created"))
        dump = place.dump()
        assert secret.hex() not in dump.lower()
        assert digest.hex() in dump.lower()

    @pytest.mark.parametrize("is_noted", [True, False], ids=["noted use", "checked use"])
    @pytest.mark.parametrize("way", ["rotate", "keep"])
    def test_no_token_crosses_a_revocation(self, stores: Stores, is_noted: bool, way: str) -> None:  # noqa: FBT001
        """While one thread revokes, others issue and refresh: at the end no token of it lives."""
        used_at = None if is_noted else stores.now
        for _ in range(4):
            new = made(stores)
            first = issue(stores, new)
            token, issued, may_end = stores.found(first.refresh), [first], threading.Event()

            def issues(
                new: AppPassword = new, issued: list[Issued] = issued, may_end: threading.Event = may_end
            ) -> None:
                with suppress(AppPasswordEnded):
                    while True:
                        issued += [issue(stores, new, used_at=used_at)]
                        may_end.set()

            def refreshes(first: Issued = first, token: Any = token) -> None:
                with suppress(AppPasswordEnded):
                    getattr(stores, way)(first.refresh, token)

            def ends(new: AppPassword = new, may_end: threading.Event = may_end) -> None:
                assert may_end.wait(30)
                assert end(stores, new)

            run_together(stores, threading.Barrier(4), issues, issues, refreshes, ends)
            assert not any(stores.lives(each) for each in issued)
            grants = [row for row in stores.rows("grant") if row["app_password_id"] == new.id]
            assert len(grants) == len(issued)
            assert all(row["revoked_at"] is not None for row in grants)


def run_together(stores: Stores, barrier: threading.Barrier, *work: Callable[[], None]) -> None:
    """Run functions in threads that begin together, and raise what one of them raised."""
    faults: list[BaseException] = []

    def run(function: Callable[[], None]) -> None:
        with stores.site.app.app_context():
            barrier.wait(10)
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - the test raises it
                faults.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if faults:
        raise faults[0]
