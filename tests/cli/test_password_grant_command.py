"""`flask password-grant …`: policies of clients are set, undone and shown, and each step is audited."""

import json
from collections.abc import Callable

import pytest

from models import Base, db, roll_up
from tests.cli.conftest import Run
from tests.conftest import NOON, Registered, Site
from tests.faults import drop_table, rows
from tests.oauth.answers import OK, UNAUTHORIZED_CLIENT, status_and_error
from wiring.audit import write_refusals

Refusal = Callable[..., str]

DAY = 86_400
# NOON is 2027-01-15 08:00 UTC.
JUNE, FEBRUARY = 1_814_313_600, 1_801_472_400
OPEN: dict[str, object] = {
    "announced_at": None,
    "ends_at": None,
    "brown_outs": [],
    "closed_to_new_people_at": None,
    "app_passwords": "allowed",
    "off_at": None,
}


@pytest.fixture
def program(site: Site) -> Registered:
    """A program that logs users in by password."""
    return site.register("Grades app", "--owner", "grades@example.edu")


def audited(site: Site) -> list[tuple[object, ...]]:
    """What the audit has of the steps: event, client, what, and why."""
    return [
        (row["event"], row["client_id"], row["reason"], row["actor_reason"])
        for row in rows(site, "audit_event")
        if str(row["event"]).startswith("password_grant.")
    ]


def nothing_changed(site: Site) -> bool:
    """Whether no client has a policy, no step was stored, and the audit has none."""
    unset = all(row["password_grant"] is None for row in rows(site, "client"))
    return unset and not rows(site, "password_grant_step") and not audited(site)


def test_step_sets_what_its_options_name(site: Site, program: Registered, as_json: Run) -> None:
    """The step is stored with who, when and why, and audited in the same transaction."""
    options = ("--ends", "2027-06-30", "--brown-out", "2027-02-01T09:00/2h", "--closed-to-new-people")
    (step,) = as_json("password-grant", "set", "Grades app", *options, "--reason", "agreed in RT 71")
    policy = {
        **OPEN,
        "announced_at": NOON,
        "ends_at": JUNE,
        "brown_outs": [[FEBRUARY, FEBRUARY + 7200]],
        "closed_to_new_people_at": NOON,
    }
    assert step == {
        "client_id": program.client_id,
        "client_name": "Grades app",
        "changed": True,
        "password_grant": policy,
    }
    assert as_json("client", "show", "Grades app")["password_grant"] == policy
    (stored,) = rows(site, "password_grant_step")
    assert (stored["at"], stored["actor_reason"]) == (NOON, "agreed in RT 71")
    assert stored["actor"]
    what = "ends 2027-06-30 00:00Z, brown-out 2027-02-01 09:00Z/2h, closed to new people"
    assert audited(site) == [("password_grant.set", program.client_id, what[:64], "agreed in RT 71")]
    line = site.log_lines()[-1]
    assert (line["event"], line["client_id"]) == ("password_grant.set", program.client_id)


def test_second_step_adds_to_the_first(program: Registered, as_json: Run) -> None:
    """A setting without an option stays as it is."""
    as_json("password-grant", "set", program.client_id, "--ends", "2027-06-30")
    (step,) = as_json("password-grant", "set", program.client_id, "--app-passwords", "only")
    policy = step["password_grant"]
    assert (policy["ends_at"], policy["app_passwords"]) == (JUNE, "only")


def test_repeated_step_stores_nothing(site: Site, program: Registered, as_json: Run) -> None:
    """A command that is run twice, as by a script, leaves one step to undo."""
    for _ in range(2):
        (step,) = as_json("password-grant", "set", program.client_id, "--ends", "2027-06-30")
    assert step["changed"] is False
    assert len(rows(site, "password_grant_step")) == len(audited(site)) == 1


def test_table_names_what_changed(site: Site, program: Registered) -> None:
    """Without `--json`, a line says what is new at each client."""
    printed = site.run("password-grant", "set", program.client_id, "--off")
    assert printed == f"Grades app ({program.client_id}): off\n1 client changed.\n"
    printed = site.run("password-grant", "undo", program.client_id)
    assert printed == f"Grades app ({program.client_id}): on\n1 client changed.\n"


def test_set_all_reaches_every_client_with_the_grant(site: Site, as_json: Run) -> None:
    """Disabled clients too, since they may be enabled again; other grants are not concerned."""
    first, second = site.register("first"), site.register("second")
    site.register("job", grant="client_credentials")
    site.run("client", "disable", second.client_id, "--yes")
    steps = as_json("password-grant", "set", "--all", "--ends", "2027-06-30")
    assert {each["client_id"] for each in steps} == {first.client_id, second.client_id}
    assert len({row["batch"] for row in rows(site, "password_grant_step")}) == 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--ends", "2020-01-01"), "The end 2020-01-01 00:00Z is in the past."),
        (("--ends", "2027-02-30"), "The end must be a day and a time that exist."),
        (
            ("--ends", "June"),
            "The end must be a date or a time in UTC, such as 2027-06-30 or 2027-06-30T09:00.",
        ),
        (("--brown-out", "2027-01-15T07:00/2h"), "The brown-out of 2027-01-15 07:00Z begins in the past."),
        (
            ("--brown-out", "2027-02-01T09:00/2h", "--brown-out", "2027-02-01T10:00/2h"),
            "The brown-outs of 2027-02-01 09:00Z and 2027-02-01 10:00Z overlap.",
        ),
        (
            ("--brown-out", "2027-02-01T09:00/30d"),
            "A brown-out lasts at most 7 days: a longer one is an end.",
        ),
        ((), "Say what to set: a date, a brown-out, new people, app passwords, or off."),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(
    site: Site, program: Registered, refusal: Refusal, options: tuple[str, ...], sentence: str
) -> None:
    """So it is with `--all`."""
    assert refusal("password-grant", "set", program.client_id, *options) == sentence
    assert refusal("password-grant", "set", "--all", *options) == sentence
    assert nothing_changed(site)


def test_clash_with_an_earlier_step_names_the_client(
    site: Site, program: Registered, refusal: Refusal
) -> None:
    """With `--all`, an operator could not find the client otherwise; no client is changed."""
    site.register("another")
    site.run("password-grant", "set", "Grades app", "--brown-out", "2027-02-01T09:00/2h")
    said = refusal("password-grant", "set", "--all", "--brown-out", "2027-02-01T10:00/2h")
    clash = "The brown-outs of 2027-02-01 09:00Z and 2027-02-01 10:00Z overlap."
    assert said == f"Grades app ({program.client_id}): {clash}"
    assert len(rows(site, "password_grant_step")) == 1


def test_brown_out_of_all_leaves_out_clients_that_end_before(site: Site, as_json: Run) -> None:
    """A client that goes first must not keep all others from a brown-out."""
    site.register("first")
    site.register("second")
    site.run("password-grant", "set", "first", "--ends", "2027-01-31")
    steps = as_json("password-grant", "set", "--all", "--brown-out", "2027-02-01T09:00/2h")
    assert [(each["client_name"], each["changed"]) for each in steps] == [("first", False), ("second", True)]


def test_bad_date_is_refused_where_no_client_has_the_grant(refusal: Refusal) -> None:
    """`--all` of nothing is no way past the checks."""
    said = refusal("password-grant", "set", "--all", "--ends", "2020-01-01")
    assert said == "The end 2020-01-01 00:00Z is in the past."


def test_unknown_client_is_one_sentence_and_changes_nothing(
    site: Site, program: Registered, refusal: Refusal
) -> None:
    """One unknown client keeps the others as they are too."""
    for command in (("set", program.client_id, "nobody", "--off"), ("undo", "nobody"), ("status", "nobody")):
        assert refusal("password-grant", *command) == "There is no client 'nobody'."
    assert nothing_changed(site)


def test_client_without_the_grant_is_refused(site: Site, program: Registered, refusal: Refusal) -> None:
    """A policy would have no effect there."""
    job = site.register("job", grant="client_credentials")
    sentence = f"job ({job.client_id}) is not registered for the password grant."
    assert refusal("password-grant", "set", program.client_id, "job", "--off") == sentence
    assert refusal("password-grant", "status", "job") == sentence
    assert nothing_changed(site)


@pytest.mark.parametrize("command", ["set", "undo"])
@pytest.mark.parametrize("clients", [(), ("Grades app", "--all")])
def test_command_names_clients_or_all(
    site: Site, program: Registered, command: str, clients: tuple[str, ...]
) -> None:
    """Neither none, nor both."""
    del program
    options = ("--off",) if command == "set" else ()
    assert "Name a client, or give --all." in site.run(
        "password-grant", command, *clients, *options, status=2
    )
    assert nothing_changed(site)


def test_undo_takes_one_step_back_at_a_time(site: Site, program: Registered, as_json: Run) -> None:
    """A second undo undoes the step before, and then there is none."""
    for options in (("--ends", "2027-06-30"), ("--off",)):
        as_json("password-grant", "set", program.client_id, *options)
    (step,) = as_json("password-grant", "undo", program.client_id, "--reason", "too early")
    assert (step["password_grant"]["ends_at"], step["password_grant"]["off_at"]) == (JUNE, None)
    (step,) = as_json("password-grant", "undo", "Grades app")
    assert step["password_grant"] == OPEN
    assert [each[0::2] for each in audited(site)][2:] == [
        ("password_grant.undone", "on"),
        ("password_grant.undone", "no end"),
    ]
    assert audited(site)[2][3] == "too early"


def test_undo_warns_of_an_earlier_end_that_has_passed(site: Site, program: Registered) -> None:
    """An end that was put off and is put back refuses logins at once."""
    for end in ("2027-02-01", "2027-06-30"):
        site.run("password-grant", "set", "Grades app", "--ends", end)
    site.clock.now = FEBRUARY
    result = site.app.test_cli_runner().invoke(args=["password-grant", "undo", "Grades app"])
    assert result.exit_code == 0
    assert result.stderr == (
        f"Grades app ({program.client_id}): Net ID passwords are refused now, as before the undone step.\n"
    )


def test_nothing_to_undo_is_one_sentence(program: Registered, refusal: Refusal) -> None:
    """The client has no step that was not undone."""
    said = refusal("password-grant", "undo", "Grades app")
    assert said == f"No step of Grades app ({program.client_id}) can be undone."
    assert refusal("password-grant", "undo", "--all") == "No step can be undone."


def test_undo_all_undoes_the_last_command_for_all_its_clients(site: Site, as_json: Run) -> None:
    """A client that had a later step of its own keeps its policy."""
    clients = [site.register(name) for name in ("first", "second", "third")]
    as_json("password-grant", "set", "--all", "--ends", "2027-06-30")
    as_json("password-grant", "set", "--all", "--off")
    as_json("password-grant", "set", "third", "--on")
    as_json("password-grant", "undo", "third")
    steps = as_json("password-grant", "undo", "--all")
    assert {each["client_id"] for each in steps} == {each.client_id for each in clients}
    assert all(each["password_grant"]["ends_at"] == JUNE for each in steps)
    undone = sorted(each[:3] for each in audited(site)[-3:])
    assert undone == sorted(("password_grant.undone", each.client_id, "on") for each in clients)
    assert all(status_and_error(site.ask_token(each)) == OK for each in clients)


def test_later_step_of_a_client_survives_undo_all(site: Site, as_json: Run) -> None:
    """Undoing the batch of others must not undo what was decided for one client since."""
    site.register("first")
    site.register("second")
    as_json("password-grant", "set", "--all", "--off")
    as_json("password-grant", "set", "second", "--app-passwords", "only")
    (undone,) = as_json("password-grant", "undo", "--all")
    assert undone["client_name"] == "second"
    (undone,) = as_json("password-grant", "undo", "second")
    assert undone["password_grant"] == OPEN


def test_step_is_not_stored_without_its_audit_row(site: Site, program: Registered) -> None:
    """Policy, step and audit row are one transaction."""
    drop_table(site, "audit_event")
    said = site.run("password-grant", "set", program.client_id, "--off", status=1)
    assert said.startswith("Error: The database cannot be used")
    assert rows(site, "client")[0]["password_grant"] is None
    assert rows(site, "password_grant_step") == []


def test_status_says_what_a_policy_means_now(site: Site, as_json: Run, program: Registered) -> None:
    """The state changes with the time, and the last step says who set it and why."""
    site.run("password-grant", "set", "Grades app", "--ends", "2027-06-30", "--reason", "agreed")
    site.run("password-grant", "set", "Grades app", "--brown-out", "2027-02-01T09:00/2h", "--reason", "test")
    states = []
    for now in (NOON, FEBRUARY, JUNE):
        site.clock.now = now
        (status,) = as_json("password-grant", "status")
        states.append(status["state"])
    assert states == ["open", "brown_out", "password_grant_ended"]
    assert (status["client_id"], status["owner"]) == (program.client_id, "grades@example.edu")
    assert (status["ends_at"], status["last_step"]["reason"]) == (JUNE, "test")
    table = site.run("password-grant", "status", "Grades app")
    for text in ("Grades app", "ended", "2027-06-30 00:00Z", "2027-02-01 09:00Z/2h", ": test"):
        assert text in table


def test_status_knows_the_end_of_the_whole_server(make_site: Callable[..., Site]) -> None:
    """A client without a policy ends with the server."""
    site = make_site(NETID_PASSWORD_GRANT_ENDS="2027-06-30")
    site.register("first")
    (status,) = json.loads(site.run("password-grant", "status", "--json"))["items"]
    assert (status["state"], status["ends_at"], status["last_step"]) == ("open", JUNE, None)


@pytest.mark.parametrize("grant", ["password", "client_credentials"])
def test_new_client_is_told_of_the_end_of_the_whole_server(
    make_site: Callable[..., Site], grant: str
) -> None:
    """A program that begins with the grant today must know that it will end."""
    site = make_site(NETID_PASSWORD_GRANT_ENDS="2027-06-30")
    arguments = ["client", "create", "new", "--grant", grant, "--owner", "me@example.edu", "--json"]
    result = site.app.test_cli_runner().invoke(args=arguments)
    assert json.loads(result.stdout)["client_name"] == "new"
    sentence = "This server accepts Net ID passwords of programs until 2027-06-30 00:00Z only"
    assert (sentence in result.stderr) is (grant == "password")


def test_date_without_two_weeks_of_notice_is_pointed_out(site: Site, program: Registered) -> None:
    """The command does it all the same; standard output stays clean for programs."""
    arguments = ["password-grant", "set", program.client_id, "--ends", "2027-01-20", "--json"]
    result = site.app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["items"][0]["changed"] is True
    assert result.stderr == "The end of 2027-01-20 00:00Z is less than 14 days away: tell the owner now.\n"


def test_client_command_sets_the_same_policy(site: Site, as_json: Run) -> None:
    """`flask client create|update --app-passwords` is a step that can be undone."""
    made = as_json("client", "create", "a", "--grant", "password", "--app-passwords", "only")
    assert made["password_grant"]["app_passwords"] == "only"
    assert made["client_secret"]
    program = Registered(made["client_id"], made["client_secret"])
    assert status_and_error(site.ask_token(program)) == UNAUTHORIZED_CLIENT
    changed = as_json("client", "update", "a", "--app-passwords", "off", "--reason", "no need")
    assert changed["password_grant"]["app_passwords"] == "off"
    assert "app passwords off" in site.run("client", "show", "a")
    assert as_json("password-grant", "undo", "a")[0]["password_grant"]["app_passwords"] == "only"
    assert [each[2:] for each in audited(site)][1] == ("app passwords off", "no need")


def used(site: Site, name: str) -> Registered:
    """A client that alice has just used."""
    client = site.register(name, "--grant", "refresh_token")
    assert status_and_error(site.ask_token(client)) == OK
    return client


def test_close_unused_closes_what_nobody_used(site: Site, as_json: Run) -> None:
    """The grant is turned off, in one batch that can be undone; a dry run only lists."""
    old = used(site, "old")
    never = site.register("never used")
    site.clock.now += 91 * DAY
    fresh = site.register("new, not used yet")
    busy = used(site, "busy")
    listed = as_json("password-grant", "close-unused", "--dry-run")
    assert listed["closed"] is False
    assert [each["client_name"] for each in listed["items"]] == ["never used", "old"]
    assert rows(site, "password_grant_step") == []
    closed = as_json("password-grant", "close-unused", "--reason", "spring cleaning")
    assert closed == {**listed, "closed": True}
    assert [status_and_error(site.ask_token(each)) for each in (old, never, fresh, busy)] == [
        UNAUTHORIZED_CLIENT,
        UNAUTHORIZED_CLIENT,
        OK,
        OK,
    ]
    assert {each[2:] for each in audited(site)} == {("off", "spring cleaning")}
    assert as_json("password-grant", "close-unused")["items"] == []
    as_json("password-grant", "undo", "--all")
    assert status_and_error(site.ask_token(old)) == OK


def test_client_that_only_refreshes_is_used(site: Site, as_json: Run) -> None:
    """A program that logged in long ago and has refreshed since would lose its tokens."""
    client = used(site, "phones")
    answer = site.ask_token(client).get_json()
    for _ in range(10):
        site.clock.now += 10 * DAY
        answer = site.refresh(client, answer["refresh_token"]).get_json()
    assert as_json("password-grant", "close-unused")["items"] == []


def test_use_from_before_the_grant_type_was_noted_counts(site: Site, as_json: Run) -> None:
    """Right after an upgrade, the audit does not say by which grant tokens were issued."""
    client = site.register("old")
    site.clock.now += 100 * DAY
    assert status_and_error(site.ask_token(client)) == OK
    with site.app.app_context(), db.engine.begin() as link:
        link.execute(Base.metadata.tables["audit_event"].update().values(grant_type=None))
        link.execute(Base.metadata.tables["grant"].delete())
    site.clock.now += 89 * DAY
    assert as_json("password-grant", "close-unused", "--dry-run")["items"] == []
    site.clock.now += 2 * DAY
    assert len(as_json("password-grant", "close-unused", "--dry-run")["items"]) == 1


def test_failed_logins_are_no_use_but_are_shown(site: Site, as_json: Run) -> None:
    """A program with an old password is running somewhere: its owner can be told."""
    client = site.register("old script")
    site.clock.now += 91 * DAY
    for _ in range(3):
        site.ask_token(client, password="wrong")
    write_refusals(site.app)
    with site.app.app_context():
        roll_up(int(site.clock.now))
    (unused,) = as_json("password-grant", "close-unused", "--dry-run")["items"]
    assert (unused["last_used_at"], unused["failures"]) == (None, 3)
