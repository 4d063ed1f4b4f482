"""The policy of a client at the token endpoint: refusals before the directory is asked, and announcements."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pytest
from werkzeug.test import TestResponse

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import drop_table, rows
from tests.oauth.answers import (
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    OK,
    UNAUTHORIZED_CLIENT,
    UNAVAILABLE,
    status_and_error,
)
from tests.oauth.app_passwords import make_app_password
from wiring.audit import write_refusals

HELP = "https://www.example.edu/way-out"
HOUR, DAY = 3600, 86_400
# NOON is 2027-01-15 08:00 UTC.
TOMORROW = "2027-01-16T08:00"
ANNOUNCED = [("Deprecation", f"@{NOON}"), ("Sunset", "Sat, 16 Jan 2027 08:00:00 GMT")]
LINKS = [
    f'<{HELP}>; rel="deprecation"',
    '<https://localhost:8443/.well-known/oauth-authorization-server>; rel="successor-version"',
]
AN_APP_PASSWORD = "nidp_" + "x" * 49


@pytest.fixture
def announced(make_site: Callable[..., Site], fake: FakeDirectory) -> Site:
    """A server over the fake directory, whose campus has a page about the end."""
    return make_site(fake, NETID_PASSWORD_GRANT_HELP_URI=HELP)


@pytest.fixture
def program(announced: Site) -> Registered:
    """A program with the password grant that may refresh, at `announced`."""
    return announced.register("a program", "--grant", "refresh_token", "--scope", "profile email")


def set_policy(site: Site, client: Registered, *options: str) -> None:
    """Change the policy of a client by the operator's command."""
    site.run("password-grant", "set", client.client_id, *options)


def announcement(answer: TestResponse) -> tuple[list[tuple[str, str]], list[str]]:
    """The headers that announce the end, and the links."""
    dated = [(name, value) for name in ("Deprecation", "Sunset") for value in answer.headers.getlist(name)]
    return dated, answer.headers.getlist("Link")


class Closed(NamedTuple):
    """A policy that refuses a Net ID password some seconds later, and how."""

    options: tuple[str, ...]
    later: int
    reason: str
    sentence: str


OFF = Closed(("--off",), 0, "password_grant_off", "This program may no longer use the password grant.")
ENDED = Closed(
    ("--ends", TOMORROW),
    DAY,
    "password_grant_ended",
    "This program may no longer log in with Net ID passwords.",
)
BROWN_OUT = Closed(
    ("--brown-out", "2027-01-15T09:00/2h"),
    HOUR,
    "brown_out",
    "Net ID passwords are refused for some hours, because this program must stop using them.",
)
ONLY = Closed(
    ("--app-passwords", "only"),
    0,
    "app_passwords_only",
    "This program accepts app passwords only, and no Net ID passwords.",
)


@pytest.mark.parametrize("case", [OFF, ENDED, BROWN_OUT, ONLY], ids=lambda case: case.reason)
def test_closed_grant_is_refused_before_the_directory_is_asked(
    announced: Site, program: Registered, fake: FakeDirectory, case: Closed
) -> None:
    """The answer is `unauthorized_client` with the campus's page (RFC 6749, 5.2), whatever the password."""
    assert status_and_error(announced.ask_token(program)) == OK
    set_policy(announced, program, *case.options)
    announced.clock.now += case.later
    fake.asked.clear()
    fake.bound.clear()
    for form in ({}, {"password": "wrong"}, {"username": "nobody"}, {"password": ""}, {"scope": "payroll"}):
        answer = announced.ask_token(program, **form)
        assert status_and_error(answer) == UNAUTHORIZED_CLIENT
        body = answer.get_json()
        assert (body["error_description"], body["error_uri"]) == (case.sentence, HELP)
    assert (fake.asked, fake.bound) == ([], [])
    assert rows(announced, "login_failure") == []
    write_refusals(announced.app)
    refused = [row for row in rows(announced, "audit_event") if row["event"] == "grant.refused"]
    assert {(row["client_id"], row["reason"]) for row in refused} == {(program.client_id, case.reason)}
    assert sum(int(str(row["times"] or 1)) for row in refused) == 5
    assert all(row["subject"] is None and row["name_digest"] is None for row in refused)
    assert "alice-password" not in announced.log.getvalue() + str(refused)


def test_brown_out_begins_and_ends_at_its_second(announced: Site, program: Registered) -> None:
    """The program works again by itself."""
    set_policy(announced, program, "--brown-out", "2027-01-15T09:00/2h")
    for later, expected in (
        (HOUR - 1, OK),
        (HOUR, UNAUTHORIZED_CLIENT),
        (3 * HOUR - 1, UNAUTHORIZED_CLIENT),
        (3 * HOUR, OK),
    ):
        announced.clock.now = NOON + later
        assert status_and_error(announced.ask_token(program)) == expected


def test_undone_step_lets_the_program_log_in_again(announced: Site, program: Registered) -> None:
    """One command takes a step back."""
    set_policy(announced, program, "--off")
    assert status_and_error(announced.ask_token(program)) == UNAUTHORIZED_CLIENT
    announced.run("password-grant", "undo", program.client_id)
    assert status_and_error(announced.ask_token(program)) == OK


def test_client_that_is_not_proven_learns_nothing_of_the_policy(announced: Site, program: Registered) -> None:
    """Without the secret, neither the refusal nor an announcement is sent."""
    set_policy(announced, program, "--off")
    answer = announced.ask_token(Registered(program.client_id, "wrong"))
    assert status_and_error(answer) == INVALID_CLIENT
    assert announcement(answer) == ([], [])


def test_every_answer_of_the_grant_announces_the_end(
    announced: Site, program: Registered, fake: FakeDirectory
) -> None:
    """Deprecation (RFC 9745), Sunset (RFC 8594) and Link are on success, refusal and trouble alike."""
    set_policy(announced, program, "--ends", TOMORROW)
    outcomes: list[tuple[object, dict[str, str], tuple[int, str | None]]] = [
        (ALICE, {}, OK),
        (InvalidCredentials(Refusal.WRONG_PASSWORD), {}, INVALID_GRANT),
        (DirectoryUnavailable("down"), {}, UNAVAILABLE),
        (ALICE, {"scope": "payroll"}, INVALID_SCOPE),
        (ALICE, {"username": ""}, INVALID_REQUEST),
    ]
    for outcome, form, expected in outcomes:
        fake.outcome = outcome  # type: ignore[assignment]
        answer = announced.ask_token(program, **form)
        assert status_and_error(answer) == expected
        assert announcement(answer) == (ANNOUNCED, LINKS)
    fake.outcome = ALICE
    announced.clock.now += DAY
    answer = announced.ask_token(program)
    assert status_and_error(answer) == UNAUTHORIZED_CLIENT
    assert announcement(answer) == (ANNOUNCED, LINKS)


def test_throttled_login_announces_the_end_too(make_site: Callable[..., Site]) -> None:
    """A 429 is an answer of the grant."""
    site = make_site(NETID_LIMIT_PERSON="1/15minutes")
    client = site.register()
    set_policy(site, client, "--ends", TOMORROW)
    site.ask_token(client, password="wrong")
    answer = site.ask_token(client, password="wrong")
    assert answer.status_code == 429
    assert announcement(answer)[0] == ANNOUNCED


def test_client_without_a_date_gets_no_such_header(announced: Site, program: Registered) -> None:
    """Neither does one that is only closed to new people, or told to accept app passwords."""
    assert announcement(announced.ask_token(program)) == ([], [])
    set_policy(announced, program, "--closed-to-new-people", "--app-passwords", "allowed")
    assert announcement(announced.ask_token(program)) == ([], [])


def test_other_grants_announce_nothing(announced: Site) -> None:
    """A program that has moved is not told to move."""
    client = announced.register("moved", "--grant", "client_credentials")
    set_policy(announced, client, "--ends", TOMORROW)
    answer = announced.post("/oauth/token", client, grant_type="client_credentials")
    assert status_and_error(answer) == OK
    assert announcement(answer) == ([], [])


def test_refresh_announces_the_end_to_a_program_that_logs_in_rarely(
    announced: Site, program: Registered
) -> None:
    """A program that logs in once and refreshes for months would be surprised otherwise."""
    token = announced.ask_token(program).get_json()["refresh_token"]
    set_policy(announced, program, "--ends", TOMORROW)
    answer = announced.refresh(program, token)
    assert status_and_error(answer) == OK
    assert announcement(answer) == (ANNOUNCED, LINKS)


@pytest.mark.parametrize("options", [("--off",), ("--ends", TOMORROW)], ids=["off", "ended"])
def test_end_stops_refreshing_until_it_is_undone(
    announced: Site, program: Registered, fake: FakeDirectory, options: tuple[str, ...]
) -> None:
    """The tokens do not end, so that the operator can take the step back."""
    token = announced.ask_token(program).get_json()["refresh_token"]
    set_policy(announced, program, *options)
    announced.clock.now += DAY
    fake.sought.clear()
    answer = announced.refresh(program, token)
    assert status_and_error(answer) == UNAUTHORIZED_CLIENT
    assert answer.get_json()["error_uri"] == HELP
    assert fake.sought == []
    write_refusals(announced.app)
    row = rows(announced, "audit_event")[-1]
    assert (row["event"], row["subject"]) == ("grant.refused", ALICE.id)
    assert str(row["reason"]).startswith("password_grant_")
    announced.run("password-grant", "undo", program.client_id)
    assert status_and_error(announced.refresh(program, token)) == OK


@pytest.mark.parametrize(
    "options",
    [("--brown-out", "2027-01-15T09:00/2h"), ("--app-passwords", "only"), ("--closed-to-new-people",)],
    ids=["brown-out", "app-passwords-only", "closed-to-new-people"],
)
def test_what_is_not_the_end_leaves_refreshing_alone(
    announced: Site, program: Registered, options: tuple[str, ...]
) -> None:
    """People who are logged in already keep working."""
    token = announced.ask_token(program).get_json()["refresh_token"]
    set_policy(announced, program, *options)
    announced.clock.now += HOUR
    assert status_and_error(announced.refresh(program, token)) == OK


def test_another_clients_token_gets_the_usual_answer_after_the_end(
    announced: Site, program: Registered
) -> None:
    """The policy of a client says nothing about tokens that are not its own."""
    token = announced.ask_token(program).get_json()["refresh_token"]
    thief = announced.register("thief", "--grant", "refresh_token")
    set_policy(announced, thief, "--off")
    answer = announced.refresh(thief, token)
    assert status_and_error(answer) == INVALID_GRANT
    assert announcement(answer) == ([], [])


def test_end_of_the_whole_server_needs_no_policy(make_site: Callable[..., Site], fake: FakeDirectory) -> None:
    """`NETID_PASSWORD_GRANT_ENDS` announces the end to every client, and closes it for every client."""
    site = make_site(fake, NETID_PASSWORD_GRANT_ENDS=TOMORROW)
    client = site.register("a program", "--grant", "refresh_token")
    answer = site.ask_token(client)
    assert status_and_error(answer) == OK
    assert announcement(answer) == (
        [("Deprecation", "@1738281600"), ("Sunset", "Sat, 16 Jan 2027 08:00:00 GMT")],
        LINKS[1:],
    )
    site.clock.now += DAY
    refused = site.ask_token(client)
    assert status_and_error(refused) == UNAUTHORIZED_CLIENT
    assert "error_uri" not in refused.get_json()
    assert status_and_error(site.refresh(client, answer.get_json()["refresh_token"])) == UNAUTHORIZED_CLIENT


def test_later_date_of_a_client_does_not_put_off_the_end_of_the_server(
    make_site: Callable[..., Site], fake: FakeDirectory
) -> None:
    """The earlier end applies."""
    site = make_site(fake, NETID_PASSWORD_GRANT_ENDS=TOMORROW)
    client = site.register()
    set_policy(site, client, "--ends", "2027-03-01")
    site.clock.now += DAY
    assert status_and_error(site.ask_token(client)) == UNAUTHORIZED_CLIENT


def test_app_password_works_through_brown_out_and_end(
    announced: Site, program: Registered, fake: FakeDirectory
) -> None:
    """It logs in and refreshes where a Net ID password is refused, and no password reaches the directory."""
    value = make_app_password(announced, program)
    set_policy(announced, program, "--ends", TOMORROW, "--brown-out", "2027-01-15T09:00/2h")
    for later in (0, HOUR, DAY):
        announced.clock.now = NOON + later
        answer = announced.ask_token(program, password=value)
        assert status_and_error(answer) == OK
        assert announcement(answer) == (ANNOUNCED, LINKS)
        refreshed = announced.refresh(program, answer.get_json()["refresh_token"])
        assert status_and_error(refreshed) == OK
        wrong = announced.ask_token(program, password=AN_APP_PASSWORD)
        assert status_and_error(wrong) == INVALID_GRANT
    assert fake.bound == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--app-passwords", "off"), "This program accepts no app passwords."),
        (("--off",), "This program may no longer use the password grant."),
    ],
    ids=["app-passwords-off", "off"],
)
def test_app_password_neither_logs_in_nor_refreshes_once_it_is_off(
    announced: Site, program: Registered, options: tuple[str, ...], sentence: str
) -> None:
    """Valid or not, spelled well or badly: the answer is the same, and undoing the step brings it back."""
    value = make_app_password(announced, program)
    token = announced.ask_token(program, password=value).get_json()["refresh_token"]
    set_policy(announced, program, *options)
    for password in (value, AN_APP_PASSWORD, f" NIDP_{AN_APP_PASSWORD[5:]}"):
        answer = announced.ask_token(program, password=password)
        assert status_and_error(answer) == UNAUTHORIZED_CLIENT
        assert answer.get_json()["error_description"] == sentence
    answer = announced.refresh(program, token)
    assert status_and_error(answer) == UNAUTHORIZED_CLIENT
    assert answer.get_json()["error_description"] == sentence
    announced.run("password-grant", "undo", program.client_id)
    assert status_and_error(announced.refresh(program, token)) == OK
    assert status_and_error(announced.ask_token(program, password=value)) == OK


def test_new_person_gets_nothing_by_an_app_password_either(announced: Site, program: Registered) -> None:
    """One that was made before the client was closed, and never used, does not make its owner known."""
    value = make_app_password(announced, program)
    set_policy(announced, program, "--closed-to-new-people")
    refused = announced.ask_token(program, password=value)
    wrong = announced.ask_token(program, password=AN_APP_PASSWORD)
    assert status_and_error(refused) == status_and_error(wrong) == INVALID_GRANT
    assert refused.get_json()["error_description"] == wrong.get_json()["error_description"]


def test_client_closed_to_new_people_knows_those_who_used_it(
    announced: Site, program: Registered, fake: FakeDirectory
) -> None:
    """A new person gets the answer to a wrong password, and each attempt counts as one."""
    assert status_and_error(announced.ask_token(program)) == OK
    announced.clock.now += 1
    set_policy(announced, program, "--closed-to-new-people")
    assert status_and_error(announced.ask_token(program)) == OK
    fake.outcome = replace(ALICE, id="another-id", net_id="zoe")
    new = announced.ask_token(program, username="zoe")
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    wrong = announced.ask_token(program, username="zoe")
    without_id = [{**each.get_json(), "request_id": None} for each in (new, wrong)]
    assert without_id[0] == without_id[1]
    assert (new.status_code, len(rows(announced, "login_failure"))) == (400, 2)
    write_refusals(announced.app)
    row = next(row for row in rows(announced, "audit_event") if row["reason"] == "not_allowed")
    assert (row["subject"], row["client_id"]) == ("another-id", program.client_id)


def test_person_known_at_one_client_is_new_at_another(announced: Site, program: Registered) -> None:
    """What counts is the use of the same client."""
    other = announced.register("another program")
    assert status_and_error(announced.ask_token(other)) == OK
    set_policy(announced, program, "--closed-to-new-people")
    assert status_and_error(announced.ask_token(program)) == INVALID_GRANT


def test_second_closing_knows_those_who_came_meanwhile(announced: Site, program: Registered) -> None:
    """A person who used the client before it was closed the last time is known."""
    set_policy(announced, program, "--closed-to-new-people")
    set_policy(announced, program, "--open-to-new-people")
    announced.clock.now += 1
    assert status_and_error(announced.ask_token(program)) == OK
    set_policy(announced, program, "--closed-to-new-people")
    assert status_and_error(announced.ask_token(program)) == OK


def test_database_that_cannot_say_who_is_new_is_503(announced: Site, program: Registered) -> None:
    """Neither a refusal nor a login: nobody is told that the password was wrong, and nothing is counted."""
    set_policy(announced, program, "--closed-to-new-people")
    drop_table(announced, "client_user")
    assert status_and_error(announced.ask_token(program)) == UNAVAILABLE
    assert rows(announced, "login_failure") == []


def test_page_may_read_the_announcement(announced: Site) -> None:
    """A browser page that is a public client sees the headers (Fetch, 3.3.3)."""
    origin = "https://app.example.edu"
    options = ("--public", "--allow-public-password", "--cors-origin", origin)
    client = announced.register("a page", *options)
    form = {"grant_type": "password", "client_id": client.client_id, "username": "alice", "password": "x"}
    answer = announced.http.post("/oauth/token", data=form, headers={"Origin": origin})
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"Deprecation", "Link", "Sunset"} <= set(exposed)
