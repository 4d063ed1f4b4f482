"""How long a sign-in session lasts, and which answers of the directory end it."""

from dataclasses import replace

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from login.session import cookie_digest
from tests.fakes import ALICE
from tests.login.sessions import EVENT, Desk

GROUP = "cn=staff,ou=groups,dc=campus,dc=example"


def test_session_is_found_by_its_cookie_alone() -> None:
    """Another value, an empty one, a long one or none finds no session."""
    desk = Desk()
    cookie = desk.begin()
    assert desk.live(cookie).person == replace(ALICE)
    for other in (None, "", cookie[:-1], cookie[:-1] + "*", cookie * 2, "\ud800" * 43):
        assert desk.current(other) is None


def test_store_keeps_the_digest_of_a_cookie_only() -> None:
    """A reader of the database cannot use a session."""
    desk = Desk()
    cookie = desk.begin()
    assert list(desk.store.rows) == [cookie_digest(cookie)]
    assert cookie not in repr(desk.store.rows)


def test_session_ends_at_its_lifetime_and_when_it_is_idle() -> None:
    """Both limits hold to the second; use moves the idle limit only."""
    desk = Desk(lifetime=10_000, idle=3000)
    cookie = desk.begin()
    for _ in range(3):
        desk.clock.now += 2999
        desk.live(cookie)
    desk.clock.now += 1003
    assert desk.current(cookie) is None
    idle = desk.begin()
    desk.clock.now += 3000
    assert desk.current(idle) is None


def test_use_is_noted_once_a_minute() -> None:
    """A write at each request would cost more than it says."""
    desk = Desk()
    cookie = desk.begin()
    for _ in range(10):
        desk.live(cookie)
    assert desk.store.writes == 0
    desk.clock.now += 60
    for _ in range(10):
        desk.live(cookie)
    assert desk.store.writes == 1


def test_directory_is_asked_again_after_five_minutes_of_use() -> None:
    """A disabled account must not sign in to further programs for hours; each request would be too often."""
    desk = Desk()
    cookie = desk.begin()
    desk.clock.now += 299
    desk.live(cookie)
    assert desk.directory.sought == []
    desk.clock.now += 1
    for _ in range(5):
        desk.live(cookie)
    assert desk.directory.sought == [ALICE.id]


@pytest.mark.parametrize("has_password_time", [True, False])
def test_new_password_ends_the_session(has_password_time: bool) -> None:  # noqa: FBT001
    """Someone who knows only the old password must not stay signed in."""
    person = ALICE if has_password_time else replace(ALICE, password_changed_at=None)
    desk = Desk()
    cookie = desk.begin(person)
    desk.directory.outcome = replace(ALICE, password_changed_at=(ALICE.password_changed_at or 0) + 1)
    desk.clock.now += 300
    assert desk.current(cookie) is None
    assert (desk.store.events[-1].event, desk.store.events[-1].reason) == (
        "session.ended",
        "password_changed",
    )
    desk.directory.outcome = person
    assert desk.current(cookie) is None


def test_older_password_time_of_a_replica_ends_nothing() -> None:
    """A replica that lags behind shows the time of the password before."""
    desk = Desk()
    cookie = desk.begin()
    desk.directory.outcome = replace(ALICE, password_changed_at=1)
    desk.clock.now += 300
    assert desk.current(cookie) is not None


def test_disabled_account_ends_the_session() -> None:
    """It stays ended if the account is enabled again."""
    desk = Desk()
    cookie = desk.begin()
    desk.directory.outcome = InvalidCredentials(Refusal.DISABLED)
    desk.clock.now += 300
    assert desk.current(cookie) is None
    assert (desk.store.events[-1].event, desk.store.events[-1].reason) == ("session.ended", "disabled")
    desk.directory.outcome = ALICE
    assert desk.current(cookie) is None


@pytest.mark.parametrize(
    "reason", [Refusal.LOCKED, Refusal.UNKNOWN_PERSON, Refusal.EXPIRED, Refusal.MUST_CHANGE, Refusal.NOT_NOW]
)
def test_other_refusals_suspend_the_session(reason: Refusal) -> None:
    """Anyone can lock another's account, and a half-loaded replica lacks users: neither ends a session."""
    desk = Desk()
    cookie = desk.begin()
    desk.directory.outcome = InvalidCredentials(reason)
    desk.clock.now += 300
    assert desk.current(cookie) is None
    assert desk.current(cookie) is None
    desk.directory.outcome = ALICE
    assert desk.current(cookie) is not None


@pytest.mark.parametrize("reason", [Refusal.UNKNOWN_PERSON, Refusal.LOCKED, Refusal.DISABLED])
def test_missing_user_is_noted_with_the_servers(reason: Refusal) -> None:
    """Whoever counts the misses learns the user and the servers; no other refusal is a miss."""
    desk, refusal = Desk(), InvalidCredentials(reason)
    refusal.servers = ("ldaps://one.campus.example",)
    cookie = desk.begin()
    desk.directory.outcome = refusal
    desk.clock.now += 300
    assert desk.current(cookie) is None
    noted = [(event.subject, event.reason, servers) for event, servers in desk.missing]
    is_missing = reason is Refusal.UNKNOWN_PERSON
    assert noted == ([(ALICE.id, "unknown_person", refusal.servers)] if is_missing else [])


def test_session_is_unknown_while_the_directory_is_away() -> None:
    """Neither "signed in" nor "signed out" would be true; the session is there when the directory is back."""
    desk = Desk()
    cookie = desk.begin()
    desk.directory.outcome = DirectoryUnavailable("away")
    desk.live(cookie)
    desk.clock.now += 300
    with pytest.raises(DirectoryUnavailable):
        desk.current(cookie)
    desk.directory.outcome = ALICE
    desk.live(cookie)


def test_session_lasts_15_minutes_where_the_directory_cannot_be_asked_again() -> None:
    """With a DN template and no service account nothing could end it sooner."""
    desk = Desk(can_read=False)
    cookie = desk.begin()
    desk.clock.now += 899
    desk.live(cookie)
    assert desk.directory.sought == []
    desk.clock.now += 1
    assert desk.current(cookie) is None
    short = Desk(can_read=False, lifetime=600)
    cookie = short.begin()
    short.clock.now += 600
    assert short.current(cookie) is None


def test_missing_groups_are_read_when_a_client_needs_them() -> None:
    """Their search costs time, so a sign-in without such a client leaves it out."""
    desk = Desk()
    cookie = desk.begin()
    desk.directory.outcome = replace(ALICE, groups=(GROUP,))
    assert desk.live(cookie).person.groups == ()
    active = desk.current(cookie, groups=True)
    assert active is not None
    assert active.person.groups == (GROUP,)
    active = desk.current(cookie, groups=True)
    assert active is not None
    assert (active.person.groups, len(desk.directory.sought)) == ((GROUP,), 1)


def test_missing_groups_demand_another_sign_in_where_they_cannot_be_read() -> None:
    """Without them a rule could not be applied."""
    desk = Desk(can_read=False)
    cookie = desk.begin()
    desk.live(cookie)
    assert desk.current(cookie, groups=True) is None
    assert desk.current(desk.begin(has_groups=True), groups=True) is not None


def test_cookie_changes_at_every_sign_in_and_the_session_of_the_user_goes_on() -> None:
    """A cookie that someone else put into the browser dies with the sign-in (session fixation)."""
    desk = Desk()
    first = desk.begin()
    before = desk.live(first)
    desk.clock.now += 100
    second = desk.begin(replaces=before)
    after = desk.live(second)
    assert desk.current(first) is None
    assert (after.stored.id, after.stored.created_at) == (before.stored.id, before.stored.created_at)
    assert after.stored.auth_time == before.stored.auth_time + 100
    assert desk.store.events[-1].event == "session.reauthenticated"


def test_sign_in_with_a_new_password_ends_what_the_old_one_began() -> None:
    """The grants of the session end too, as if the directory had been asked."""
    desk = Desk()
    before = desk.live(desk.begin())
    changed = replace(ALICE, password_changed_at=(ALICE.password_changed_at or 0) + 1)
    after = desk.live(desk.begin(changed, replaces=before))
    assert after.stored.id != before.stored.id
    assert [event.event for event in desk.store.events[1:]] == ["session.ended", "session.began"]
    assert desk.store.events[1].reason == "password_changed"


def test_sign_in_of_another_user_ends_the_former_session() -> None:
    """The two users share a browser and nothing else."""
    desk = Desk()
    first = desk.begin()
    before = desk.live(first)
    second = desk.begin(replace(ALICE, id="bob's", net_id="bob"), replaces=before)
    assert desk.current(first) is None
    assert desk.live(second).stored.id != before.stored.id


def test_session_that_ended_meanwhile_is_not_renewed() -> None:
    """The end stands: the sign-in begins a session of its own."""
    desk = Desk()
    cookie = desk.begin()
    before = desk.live(cookie)
    assert desk.sessions.end(before.stored, event=EVENT, reason="logout")
    after = desk.live(desk.begin(replaces=before))
    assert after.stored.id != before.stored.id
    assert desk.current(cookie) is None


def test_session_of_a_private_user_stores_no_name() -> None:
    """The rules about people need groups and affiliations; nothing else is kept."""
    desk = Desk()
    person = replace(
        ALICE, private=True, groups=(GROUP,), affiliations=("student",), principal_name="alice@campus.example"
    )
    active = desk.live(desk.begin(person, has_groups=True))
    kept = repr(active.stored)
    assert not any(text in kept for text in ("alice", "Alice", "Baker", "mail"))
    assert active.stored.net_id is None
    assert (active.person.id, active.person.private) == (ALICE.id, True)
    assert (active.person.groups, active.person.affiliations) == ((GROUP,), ("student",))


def test_session_of_a_user_who_asks_for_privacy_meanwhile_loses_the_names() -> None:
    """The next answer of the directory replaces what the session keeps."""
    desk = Desk()
    cookie = desk.begin()
    desk.directory.outcome = replace(ALICE, private=True)
    desk.clock.now += 300
    desk.live(cookie)
    (row,) = desk.store.rows.values()
    assert row.net_id is None
    assert "Baker" not in repr(row)
