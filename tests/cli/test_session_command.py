"""`flask session …`: listing live sign-in sessions, and ending them; `flask person logout` ends them too."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from directory import DirectoryUnavailable
from tests.conftest import Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows
from tests.models.sign_in import SignIn
from tests.models.stores import Stores


@pytest.fixture
def sign_in(faked: Site) -> Iterator[SignIn]:
    """The stores of an application over the fake directory."""
    with faked.app.app_context():
        yield SignIn(Stores(faked, faked.clock))


def live(sign_in: SignIn, cookie: bytes) -> bool:
    """Whether the session of a cookie is live."""
    found = sign_in.sessions.find(cookie)
    return found is not None and found.is_live(sign_in.stores.now)


def test_list_shows_live_sessions(faked: Site, sign_in: SignIn) -> None:
    """The list has each live session with what a user recognises it by, and leaves out idle ones."""
    now = sign_in.stores.now
    mine, _ = sign_in.begin(subject=ALICE.id, last_used_at=now - 60)
    other, _ = sign_in.begin(subject="subject-of-bob", net_id=None, user_agent="Another browser")
    sign_in.begin(last_used_at=now - 7200 - 1)
    printed = json.loads(faked.run("session", "list", "--json"))["items"]
    assert [each["session_id"] for each in printed] == [other.id.hex(), mine.id.hex()]
    assert printed[1] == {
        "session_id": mine.id.hex(),
        "net_id": "alice",
        "sub": ALICE.id,
        "since": now,
        "signed_in": now,
        "last_used": now - 60,
        "lives_until": now + 36_000,
        "address": "192.0.2.7",
        "browser": "A browser",
    }
    table = faked.run("session", "list", "--person", "alice")
    assert mine.id.hex() in table
    assert other.id.hex() not in table
    assert json.loads(faked.run("session", "list", "--limit", "1", "--json"))["more"] is True


def test_browser_cannot_write_to_the_terminal(faked: Site, sign_in: SignIn) -> None:
    """A browser's name is what a stranger sent: the list escapes it."""
    sign_in.begin(user_agent="\x1b]0;pwned\x07")
    printed = faked.run("session", "list")
    assert "\x1b" not in printed
    assert "pwned" in printed


def test_one_session_is_ended(faked: Site, sign_in: SignIn) -> None:
    """The session and its grants end at once; the user's other session stays."""
    (mine, cookie), (_, other) = sign_in.begin(), sign_in.begin()
    issued = sign_in.issue(mine)
    printed = faked.run("session", "end", "--session", mine.id.hex(), "--yes")
    assert printed.strip() == "Ended 1 session, and 1 grant."
    assert (live(sign_in, cookie), live(sign_in, other)) == (False, True)
    assert not sign_in.stores.lives(issued)
    row = rows(faked, "audit_event")[-1]
    assert (row["event"], row["reason"]) == (
        "session.ended",
        f"session {mine.id.hex()}: 1 sessions, 1 grants",
    )


def test_sessions_of_a_user_are_ended(faked: Site, sign_in: SignIn) -> None:
    """All sessions of the user end, and no other."""
    cookies = [sign_in.begin(subject=ALICE.id)[1] for _ in range(3)]
    _, other = sign_in.begin(subject="subject-of-bob", net_id="bob")
    ended = json.loads(faked.run("session", "end", "--person", "alice", "--yes", "--json"))
    assert ended == {"ended": 3, "grants": 0}
    assert not any(live(sign_in, each) for each in cookies)
    assert live(sign_in, other)
    assert rows(faked, "audit_event")[-1]["subject"] == ALICE.id


def test_more_sessions_than_a_batch_all_end(faked: Site, sign_in: SignIn) -> None:
    """More sessions than one transaction holds all end, with one audit row."""
    cookies = [sign_in.begin(subject=f"subject-{number}")[1] for number in range(401)]
    assert "Ended 401 sessions" in faked.run("session", "end", "--everyone", "--yes")
    assert not any(live(sign_in, each) for each in cookies)
    ended = [row for row in rows(faked, "audit_event") if row["event"] == "session.ended"]
    assert [row["reason"] for row in ended] == ["everyone: 401 sessions, 0 grants"]


def test_everyone_may_have_no_session(faked: Site, sign_in: SignIn) -> None:
    """The steps after a restore do not stop where nobody had a session."""
    assert faked.run("session", "end", "--everyone", "--yes").strip() == "Ended 0 sessions, and 0 grants."


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ((), 2, "Name at least one of --session and --person, or --everyone alone."),
        (("--everyone", "--person", "alice"), 2, "Name at least one of --session and --person"),
        (("--session", "12"), 1, "This is not the id of a session."),
        (("--session", "not hexadecimal"), 1, "This is not the id of a session."),
        (("--session", "00" * 16), 1, "No live session matches."),
        (("--person", "alice"), 1, "No live session matches."),
        (("--person", "x\x00y"), 1, "No live session matches."),
    ],
)
def test_end_of_nothing_fails(
    faked: Site, sign_in: SignIn, options: tuple[str, ...], status: int, said: str
) -> None:
    """A slip ends nobody's session, and a session that there is not cannot end."""
    _, cookie = sign_in.begin(subject="subject-of-bob", net_id="bob")
    assert said in faked.run("session", "end", *options, "--yes", status=status)
    assert live(sign_in, cookie)


@pytest.mark.usefixtures("on_terminal")
def test_end_asks_first(faked: Site, sign_in: SignIn) -> None:
    """Without `--yes` the operator reads how many sessions will end, and no answer means no."""
    cookies = [sign_in.begin(subject=ALICE.id)[1] for _ in range(2)]
    asked = faked.run("session", "end", "--person", "alice", stdin="n\n", status=1)
    assert f"End 2 sessions of alice ({ALICE.id})?" in asked
    assert all(live(sign_in, each) for each in cookies)


def test_logout_ends_sessions_and_grants(faked: Site, sign_in: SignIn) -> None:
    """`flask person logout` ends the user's sessions, and grants within and beside them."""
    session, cookie = sign_in.begin(subject=ALICE.id)
    inside = sign_in.issue(session)
    offline = sign_in.issue(session, scope="openid offline_access")
    printed = json.loads(faked.run("person", "logout", "alice", "--yes", "--json"))
    assert printed == {"sub": ALICE.id, "ended": 2, "ended_sessions": 1, "ended_app_passwords": 0}
    assert not live(sign_in, cookie)
    assert not sign_in.stores.lives(inside)
    assert not sign_in.stores.lives(offline)
    events = [(row["event"], row["reason"]) for row in rows(faked, "audit_event")[-2:]]
    assert events == [("session.ended", "logout: 1 sessions, 1 grants"), ("grant.revoked", "logout: 1 ended")]


@pytest.mark.usefixtures("on_terminal")
def test_logout_asks_about_sessions(faked: Site, sign_in: SignIn) -> None:
    """The question of `flask person logout` counts sessions, also of a user without a grant."""
    sign_in.begin(subject=ALICE.id)
    asked = faked.run("person", "logout", "alice", stdin="n\n", status=1)
    assert f"End 0 grants and 1 session of alice ({ALICE.id})?" in asked
    assert "Ended 0 grants and 1 session." in faked.run("person", "logout", "alice", stdin="y\n")


def test_user_with_a_session_is_found_while_the_directory_is_away(
    faked: Site, fake: FakeDirectory, sign_in: SignIn
) -> None:
    """A session holds the Net ID of its user, unless the user asked for privacy."""
    fake.outcome = DirectoryUnavailable("away")
    _, cookie = sign_in.begin(subject=ALICE.id)
    _, private = sign_in.begin(subject="of-a-private-user", net_id=None)
    faked.run("person", "logout", "alice", "--yes")
    faked.run("person", "logout", "of-a-private-user", "--yes")
    assert (live(sign_in, cookie), live(sign_in, private)) == (False, False)


def test_former_owner_of_a_net_id_is_named_by_stable_id(
    faked: Site, fake: FakeDirectory, sign_in: SignIn
) -> None:
    """If two owners of a Net ID have sessions, the operator must say which."""
    fake.outcome = replace(ALICE, private=True)
    _, former = sign_in.begin(subject="of-the-former-alice")
    _, present = sign_in.begin(subject=ALICE.id, net_id=None)
    said = faked.run("session", "end", "--person", "alice", "--yes", status=1)
    assert "of-the-former-alice" in said
    assert ALICE.id in said
    faked.run("session", "end", "--person", "of-the-former-alice", "--yes")
    assert (live(sign_in, former), live(sign_in, present)) == (False, True)
