"""`flask app-password …`: operators make, list and end app passwords of users, and tell their owners."""

import json
import mailbox
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from directory import DirectoryUnavailable, InvalidCredentials, PersonState, Refusal
from login.app_passwords import digest_of
from tests.cli.conftest import Run
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows

DAY = 86_400
USUAL = ("--label", "grading script", "--days", "30")


@pytest.fixture
def library(site: Site) -> Registered:
    """A client with the password grant and two scopes."""
    return site.register("Library", "--scope", "profile email")


def create(site: Site, net_id: str = "alice", *options: str, client: str = "Library") -> dict[str, object]:
    """Make an app password, and return what was printed."""
    printed: dict[str, object] = json.loads(
        site.run("app-password", "create", client, net_id, *USUAL, *options, "--json")
    )
    return printed


def live(site: Site) -> list[dict[str, object]]:
    """The stored app passwords that have not ended."""
    return [row for row in rows(site, "app_password") if row["ended_at"] is None]


def test_operator_makes_an_app_password(site: Site, library: Registered) -> None:
    """It is printed once, with all that client and user may have; the database has its digest."""
    printed = create(site, "alice", "--network", "192.0.2.0/24", "--network", "2001:db8::1")
    value = str(printed.pop("app_password"))
    (row,) = live(site)
    assert isinstance(row["id"], bytes)
    assert printed == {
        "app_password_id": row["id"].hex(),
        "client_id": library.client_id,
        "client_name": "Library",
        "net_id": "alice",
        "sub": ALICE.id,
        "label": "grading script",
        "scope": "profile email",
        "networks": ["192.0.2.0/24", "2001:db8::1/128"],
        "made": NOON,
        "made_by": row["created_by"],
        "last_used": None,
        "ends": NOON + 30 * DAY,
    }
    assert row["digest"] == digest_of(value)
    assert row["created_by"]
    assert value not in site.log.getvalue()
    assert value not in str(rows(site, "audit_event"))


def test_value_is_printed_for_people_too(site: Site, library: Registered) -> None:
    """Beside the facts; another listing does not have it."""
    printed = site.run("app-password", "create", library.client_id, "alice", *USUAL, "--scope", "email")
    value = printed.split()[1]
    assert digest_of(value) == live(site)[0]["digest"]
    assert "everywhere" in printed
    assert value not in site.run("app-password", "list")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", "nobody's", "alice", *USUAL), 'There is no client "nobody\'s".'),
        (("create", "Library", "nobody-has-it", *USUAL), "The directory has no user of this name."),
        (
            ("create", "Library", "alice", "--label", "", "--days", "30"),
            "The label must have 1 to 100 printable characters, and be no app password.",
        ),
        (
            ("create", "Library", "alice", "--label", "x", "--days", "181"),
            "An app password can last for 1 to 180 days.",
        ),
        (
            ("create", "Library", "alice", *USUAL, "--scope", "groups"),
            "The program may not have the permission 'groups'.",
        ),
        (
            ("create", "Library", "alice", *USUAL, "--network", "here"),
            "'here' must be an address or a network, such as 192.0.2.7 or 192.0.2.0/24.",
        ),
        (("create", "Code", "alice", *USUAL), "This program takes no app passwords."),
        (("revoke", "00" * 16, "--yes"), "No live app password matches."),
        (("revoke", "--client", "Library", "--yes"), "No live app password matches."),
        (("revoke", "--person", "alice", "--yes"), "No live app password matches."),
        (
            ("revoke", "nidp_typed-by-mistake", "--yes"),
            "This is not the id of an app password. `flask app-password list` shows the ids.",
        ),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    site: Site, library: Registered, refusal: Callable[..., str], arguments: tuple[str, ...], sentence: str
) -> None:
    """Nothing is stored or ended, and no audit row is written."""
    site.register("Code", "--redirect-uri", "https://a.example/", grant="authorization_code")
    assert refusal("app-password", *arguments) == sentence
    assert rows(site, "app_password") == []
    assert not [row for row in rows(site, "audit_event") if str(row["event"]).startswith("app_password")]


@pytest.mark.parametrize("days", ["0", "-1", "soon", ""])
def test_lifetime_is_a_number_of_days(site: Site, library: Registered, days: str) -> None:
    """An end is mandatory."""
    site.run("app-password", "create", "Library", "alice", "--label", "x", "--days", days, status=2)
    site.run("app-password", "create", "Library", "alice", "--label", "x", status=2)
    assert rows(site, "app_password") == []


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (DirectoryUnavailable("away"), "The directory does not answer: try again later."),
        (InvalidCredentials(Refusal.AMBIGUOUS), "Several users have this name in the directory."),
        (InvalidCredentials(Refusal.UNKNOWN_PERSON), "The directory has no user of this name."),
    ],
)
def test_user_whom_the_directory_does_not_name_gets_none(
    faked: Site, fake: FakeDirectory, outcome: Exception, sentence: str
) -> None:
    """The typed name is not repeated: it may be a password."""
    faked.register("Library")
    fake.outcome = outcome  # type: ignore[assignment]
    printed = faked.run("app-password", "create", "Library", "a-typed-name", *USUAL, status=1)
    assert printed == f"Error: {sentence}\n"


def test_user_whom_the_directory_refuses_gets_none(
    faked: Site, fake: FakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disabled account could not use one."""
    faked.register("Library")
    monkeypatch.setattr(fake, "examine", lambda name, groups: PersonState(ALICE, Refusal.DISABLED))
    printed = faked.run("app-password", "create", "Library", "alice", *USUAL, status=1)
    assert printed == "Error: The directory refuses logins of this user (disabled).\n"
    assert rows(faked, "app_password") == []


def test_private_user_is_stored_without_a_name(faked: Site, fake: FakeDirectory) -> None:
    """The command shows the stable id alone, and finds the app password by it."""
    faked.register("Library")
    fake.outcome = replace(ALICE, private=True)
    assert create(faked)["net_id"] is None
    assert ALICE.id in faked.run("app-password", "list", "--person", ALICE.id)


@pytest.mark.parametrize(
    "outcome",
    [DirectoryUnavailable("away"), InvalidCredentials(Refusal.UNKNOWN_PERSON)],
    ids=["away", "gone"],
)
@pytest.mark.parametrize("name", ["alice", ALICE.id])
def test_user_is_found_by_the_app_password_alone(
    faked: Site, fake: FakeDirectory, outcome: Exception, name: str
) -> None:
    """Without the directory, and without a grant or a session: the help desk can end it."""
    faked.register("Library")
    create(faked)
    fake.outcome = outcome  # type: ignore[assignment]
    assert "grading script" in faked.run("app-password", "list", "--person", name)
    assert "grading script" in faked.run("person", "why", name)
    assert "and 1 app password" in faked.run("person", "logout", name, "--yes")
    assert live(faked) == []


def test_setting_is_named_without_a_search_account(make_site: Callable[..., Site]) -> None:
    """App passwords need an account that can search the directory."""
    site = make_site(
        FakeDirectory(), NETID_LDAP_USER_DN_TEMPLATE="uid={username},ou=people,dc=campus,dc=example"
    )
    site.register("Library")
    printed = site.run("app-password", "create", "Library", "alice", *USUAL, status=1)
    assert "NETID_LDAP_BIND_DN" in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize("selection", [("--everyone",), ("--client", "Library")])
@pytest.mark.parametrize("number", [2, 3, 4])
def test_revocation_ends_more_than_one_plan_has(
    site: Site,
    library: Registered,
    monkeypatch: pytest.MonkeyPatch,
    selection: tuple[str, ...],
    number: int,
) -> None:
    """After a restore every one must end, however many there are."""
    monkeypatch.setattr("admin.app_passwords.ending.MAX_PLANNED", 2)
    monkeypatch.setattr("cli.app_passwords.app_password.MAX_PLANNED", 2)
    for _ in range(number):
        create(site)
    printed = site.run("app-password", "revoke", *selection, "--yes")
    assert printed == f"Ended {number} app passwords.\n"
    assert live(site) == []


def test_list_shows_live_ones(site: Site, library: Registered, as_json: Run) -> None:
    """Newest first, by client and by user; what has ended is left out."""
    other = site.register("Another", "--scope", "profile")
    first = create(site)
    site.clock.now += 60
    second = create(site, "bob", client=other.client_id)
    ids = [second["app_password_id"], first["app_password_id"]]
    assert [each["app_password_id"] for each in as_json("app-password", "list")] == ids
    by_client = as_json("app-password", "list", "--client", "Another")
    assert [each["app_password_id"] for each in by_client] == ids[:1]
    by_user = as_json("app-password", "list", "--person", "alice")
    assert [each["app_password_id"] for each in by_user] == ids[1:]
    assert as_json("app-password", "list", "--limit", "1")["more"] is True
    table = site.run("app-password", "list")
    assert "grading script" in table
    site.clock.now += 30 * DAY
    assert as_json("app-password", "list") == []


def test_listing_never_has_a_value(site: Site, library: Registered) -> None:
    """Neither the table nor the JSON has more than the id."""
    create(site)
    assert "nidp_" not in site.run("app-password", "list") + site.run("app-password", "list", "--json")


@pytest.mark.parametrize("how", ["id", "person", "client"])
def test_app_passwords_are_revoked(site: Site, library: Registered, how: str) -> None:
    """By id, user or client; others stay, and the audit names operator and reason."""
    site.register("Another", "--scope", "profile")
    mine = create(site)
    others = {"id": create(site), "person": create(site, "bob"), "client": create(site, client="Another")}
    words = {
        "id": (str(mine["app_password_id"]),),
        "person": ("--person", "alice"),
        "client": ("--client", "Library"),
    }
    printed = json.loads(
        site.run("app-password", "revoke", *words[how], "--yes", "--json", "--reason", "ticket 4711")
    )
    left = {row["id"].hex() for row in live(site) if isinstance(row["id"], bytes)}
    assert mine["app_password_id"] not in left
    assert others[how]["app_password_id"] in left
    assert printed == {"ended": 4 - len(left)}
    events = [row for row in rows(site, "audit_event") if row["event"] == "app_password.ended"]
    assert len(events) == printed["ended"]
    assert {row["actor_reason"] for row in events} == {"ticket 4711"}


@pytest.mark.parametrize("words", [(), ("00" * 16, "--person", "alice"), ("00" * 16, "--client", "Library")])
def test_revocation_needs_one_selection(site: Site, library: Registered, words: tuple[str, ...]) -> None:
    """A slip ends nothing."""
    create(site)
    site.run("app-password", "revoke", *words, "--yes", status=2)
    assert len(live(site)) == 1


def test_revocation_asks(site: Site, library: Registered, on_terminal: None) -> None:
    """It says how many app passwords will end."""
    create(site)
    create(site)
    said = site.run("app-password", "revoke", "--person", "alice", stdin="n\n", status=1)
    assert "End 2 app passwords" in said
    assert len(live(site)) == 2


def test_logout_ends_app_passwords(site: Site, library: Registered) -> None:
    """They outlive a new password, so a thief's must end with everything else of the user."""
    create(site)
    create(site, "bob")
    printed = json.loads(site.run("person", "logout", "alice", "--yes", "--json"))
    assert printed == {"sub": ALICE.id, "ended": 0, "ended_sessions": 0, "ended_app_passwords": 1}
    assert [row["net_id"] for row in live(site)] == ["bob"]
    create(site)
    assert "Ended 0 grants and 1 app password." in site.run("person", "logout", "alice", "--yes")


def test_person_why_shows_app_passwords(site: Site, library: Registered, as_json: Run) -> None:
    """The help desk sees which programs can log in without the password."""
    made = create(site)
    assert "grading script" in site.run("person", "why", "alice")
    (shown,) = as_json("person", "why", "alice")["app_passwords"]
    assert shown == {
        "app_password_id": made["app_password_id"],
        "client_id": library.client_id,
        "last_used": None,
        "ends": NOON + 30 * DAY,
    }


def test_notices_are_printed_once(site: Site, library: Registered, as_json: Run) -> None:
    """An app password that is unused for 76 days has a mail to its owner, with the day of its end."""
    printed = site.run(
        "app-password", "create", "Library", "alice", "--label", "old", "--days", "180", "--json"
    )
    site.clock.now += 75 * DAY
    assert as_json("app-password", "notices") == []
    site.clock.now += DAY
    (notice,) = as_json("app-password", "notices", "--dry-run")
    assert notice["app_password_id"] == json.loads(printed)["app_password_id"]
    assert (notice["to"], notice["sub"]) == (ALICE.mail, ALICE.id)
    assert notice["ends"] == NOON + 90 * DAY
    assert "\n" not in notice["subject"]
    assert '"old"' in notice["text"]
    assert "2027-04-15" in notice["text"]
    assert "https://localhost:8443/me" in notice["text"]
    site.run("app-password", "notices")
    assert as_json("app-password", "notices") == []


def test_notice_of_the_last_day_asks_for_another_one(site: Site, library: Registered, as_json: Run) -> None:
    """An app password that is used has a mail too, which does not call it unused."""
    site.run("app-password", "create", "Library", "alice", "--label", "mail", "--days", "30")
    site.clock.now += 16 * DAY
    (notice,) = as_json("app-password", "notices")
    assert notice["subject"] == "Your app password for Library ends on 2027-02-14"
    assert "make another one" in notice["text"]
    assert "not used" not in notice["text"]
    assert notice["ends"] == NOON + 30 * DAY
    assert as_json("app-password", "notices") == []


def test_notices_are_an_mbox(site: Site, tmp_path: Path) -> None:
    """A program that splits an mbox sends each mail to its owner (RFC 5322, RFC 4155)."""
    site.register("Bücherei", "--scope", "profile")
    for net_id, label in (("alice", "From here"), ("bob", "Größe")):
        site.run("app-password", "create", "Bücherei", net_id, "--label", label, "--days", "180")
    site.clock.now += 80 * DAY
    (tmp_path / "notices").write_text(site.run("app-password", "notices"), encoding="ascii")
    box = mailbox.mbox(tmp_path / "notices")
    mails = [message_from_bytes(box.get_bytes(key), policy=policy.default) for key in box.keys()]  # noqa: SIM118 - a mailbox is no mapping
    box.close()
    found = {str(mail["To"]): mail for mail in mails}
    assert found.keys() == {"alice@campus.example", "bob@campus.example"}
    bobs = found["bob@campus.example"]
    assert str(bobs["Subject"]).startswith("Your app password for Bücherei is not used")
    assert '"Größe"' in bobs.get_content()
    assert '"From here"' in found["alice@campus.example"].get_content()


def test_notice_needs_the_directory(faked: Site, fake: FakeDirectory) -> None:
    """Without it nothing is printed or marked; a user without an address is named by their id."""
    faked.register("Library", "--scope", "profile")
    faked.run("app-password", "create", "Library", "alice", "--label", "old", "--days", "180")
    faked.clock.now += 80 * DAY
    fake.outcome = DirectoryUnavailable("away")
    printed = faked.run("app-password", "notices", status=1)
    assert printed.startswith("Error: The directory does not answer")
    fake.outcome = InvalidCredentials(Refusal.UNKNOWN_PERSON)
    result = faked.app.test_cli_runner().invoke(args=["app-password", "notices", "--dry-run"])
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith(f"The directory has no mail address of {ALICE.id}: the app password ")
    (notice,) = json.loads(faked.run("app-password", "notices", "--json"))["items"]
    assert (notice["to"], notice["sub"]) == (None, ALICE.id)


def test_address_that_is_no_line_is_left_out(faked: Site, fake: FakeDirectory) -> None:
    """A line break in an attribute of the directory must not add a header to a mail."""
    faked.register("Library", "--scope", "profile")
    faked.run("app-password", "create", "Library", "alice", "--label", "old", "--days", "180")
    faked.clock.now += 80 * DAY
    fake.outcome = replace(ALICE, mail="alice@campus.example\nBcc: all@campus.example")
    (notice,) = json.loads(faked.run("app-password", "notices", "--json"))["items"]
    assert notice["to"] is None
