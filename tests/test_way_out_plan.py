"""The plan of docs/way-out.md, followed week by week with a virtual clock on one server."""

import json
import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from settings import load_settings
from tests.conftest import Clock, Registered, Site
from tests.servers.netid import PROJECT

pytestmark = pytest.mark.slow

PAGE = (PROJECT / "docs" / "way-out.md").read_text("utf-8")
FOR_OWNERS = (PROJECT / "docs" / "leaving-the-password-grant.md").read_text("utf-8")
HELP_URI = "https://it.campus.example/leaving-the-password-grant"
WEEK = 7 * 86_400
CREATE = ["app-password", "create"]
MONTHLY = 10
"""The steps of each month are tried in this week."""


def moment(text: str) -> int:
    """Seconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


BEGIN = moment("2027-01-18T08:00")


class Section(NamedTuple):
    """A step of the plan."""

    week: int
    commands: list[str]
    text: str


def sections() -> list[Section]:
    """The steps of the plan, in its order."""
    found = []
    for part in PAGE.split("\n## ")[1:]:
        week = re.match(r"Week (\d+)|(Each month)", part)
        if week:
            commands = re.findall(r"^\.venv/bin/flask (.*)$", part, re.MULTILINE)
            found.append(Section(MONTHLY if week[2] else int(week[1]), commands, part))
    return found


class Campus:
    """A server and the clients that the plan names, all of them older than the plan."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.app_password = ""
        self.warnings = ""
        site.clock.now = BEGIN - 20 * WEEK
        owner = ("--grant", "refresh_token", "--scope", "profile", "--owner", "registrar@campus.example")
        names = {name for each in sections() for name in re.findall(r'"([A-Z][a-z]+ [a-z]+)"', each.text)}
        self.clients: dict[str, Registered] = {name: site.register(name, *owner) for name in sorted(names)}
        site.clock.now = BEGIN - WEEK
        for name in names - {"Old printer"}:
            assert "access_token" in self.log_in(name)

    def follow(self, until: int) -> None:
        """Type the commands of the plan up to a week, each on its Monday."""
        for week, commands, _ in sections():
            if week <= until:
                self._site.clock.now = max(BEGIN + week * WEEK, self._site.clock.now + 60)
                for command in commands:
                    self._type(command)

    def follow_only(self, week: int) -> None:
        """Type the commands of one week now."""
        for section in sections():
            if section.week == week:
                for command in section.commands:
                    self._type(command)

    def _type(self, command: str) -> None:
        words = shlex.split(command)
        if ">" in words:
            words = words[: words.index(">")]
        if words[:2] == CREATE:
            words.append("--json")
        typed = self._site.app.test_cli_runner().invoke(args=words)
        assert typed.exit_code == 0, (command, typed.output)
        self.warnings += typed.stderr
        if words[:2] == CREATE:
            self.app_password = json.loads(typed.stdout)["app_password"]

    def renew_app_password(self) -> None:
        """Make another app password by the plan's command: the first lasts 90 days."""
        (command,) = (
            each for section in sections() for each in section.commands if each.startswith(" ".join(CREATE))
        )
        self._type(command)

    def set_clock(self, text: str) -> None:
        """Set the clock to a time in UTC, after the steps before it."""
        self._site.clock.now = moment(text)

    def log_in(self, name: str, **form: str) -> dict[str, str]:
        """What the token endpoint answers to alice."""
        answer: dict[str, str] = self._site.ask_token(self.clients[name], **form).get_json()
        return answer

    def refresh(self, name: str, token: str) -> dict[str, str]:
        """What it answers to a refresh."""
        answer: dict[str, str] = self._site.refresh(self.clients[name], token).get_json()
        return answer

    def headers(self, name: str) -> list[tuple[str, str]]:
        """The headers of a login."""
        return list(self._site.ask_token(self.clients[name]).headers)


@pytest.fixture
def campus(make_site: Callable[..., Site], clock: Clock) -> Campus:
    """The campus before the plan."""
    return Campus(make_site(NETID_PASSWORD_GRANT_HELP_URI=HELP_URI))


def test_every_command_of_the_plan_works_in_its_week(campus: Campus) -> None:
    """Each command works as typed, on its day, after the commands before it."""
    assert sum(len(each.commands) for each in sections()) > 20
    campus.follow(until=99)


def test_plan_announces_each_date_early_enough(campus: Campus) -> None:
    """No command of the plan is warned that a date is less than 14 days away."""
    campus.follow(until=99)
    assert "14 days" not in campus.warnings


def test_late_brown_out_is_warned_of(campus: Campus) -> None:
    """Typed nine days before its date, the same command is warned."""
    campus.follow(until=24)
    campus.set_clock("2027-10-10T08:00")
    campus.follow_only(36)
    assert "14 days" in campus.warnings


def test_settings_of_the_plan_are_settings(tmp_path: object) -> None:
    """The two exports of the plan are settings of the server."""
    exports = dict(re.findall(r"^export (NETID_\w+)=(.*)$", PAGE, re.MULTILINE))
    assert exports["NETID_PASSWORD_GRANT_HELP_URI"] == HELP_URI
    settings = load_settings(PROJECT / "instance", exports)
    assert settings.password_grant_ends == moment("2028-03-01T00:00")


def test_nobody_is_refused_before_the_first_brown_out(campus: Campus) -> None:
    """After the announcement and the closing to new people, programs of older users go on."""
    campus.follow(until=6)
    for name in ("Grade export", "Exam registration", "Course planner"):
        assert "access_token" in campus.log_in(name)


def test_announced_program_gets_the_headers_of_the_page_for_owners(campus: Campus) -> None:
    """The page's headers are those of a login in week 2; only the times and hosts are the campus's own."""
    campus.follow(until=2)
    (shown,) = re.findall(r"^```\n(Deprecation: .*?)^```$", FOR_OWNERS, re.MULTILINE | re.DOTALL)
    named = {"Deprecation", "Sunset", "Link"}
    sent = [f"{name}: {value}" for name, value in campus.headers("Grade export") if name in named]
    assert list(map(without_campus, sent)) == list(map(without_campus, shown.splitlines()))
    assert sent[1] == "Sunset: Mon, 17 Jan 2028 00:00:00 GMT"
    assert f'Link: <{HELP_URI}>; rel="deprecation"' in sent


def without_campus(header: str) -> str:
    """Take time and host out of a header."""
    return re.sub(r"@\d+|https://[^/>]+(/(?!\.well-known)[^>]*)?", "", header)


def test_program_after_its_end_gets_the_refusal_of_the_page_for_owners(campus: Campus) -> None:
    """The page shows owners the error that their program gets after the end."""
    campus.follow(until=51)
    campus.set_clock("2028-02-20T12:00")
    (shown,) = re.findall(r"^```json\n(.*?)^```$", FOR_OWNERS, re.MULTILINE | re.DOTALL)
    assert campus.log_in("Grade export") == {**json.loads(shown), "error_uri": HELP_URI}


def test_brown_out_spares_app_passwords_and_refreshing(campus: Campus) -> None:
    """During the brown-out a Net ID password is refused, with the page; the rest goes on (week 26)."""
    campus.follow(until=24)
    campus.set_clock("2027-07-20T08:59")
    begun = campus.log_in("Grade export")["refresh_token"]
    campus.set_clock("2027-07-20T09:00")
    refused = campus.log_in("Grade export")
    assert (refused["error"], refused["error_uri"]) == ("unauthorized_client", HELP_URI)
    assert "access_token" in campus.refresh("Grade export", begun)
    campus.set_clock("2027-07-20T11:00")
    assert "access_token" in campus.log_in("Grade export")


def test_undo_takes_a_client_out_of_the_brown_out(campus: Campus) -> None:
    """The client of the undo works during the brown-out of all."""
    campus.follow(until=24)
    campus.set_clock("2027-07-20T10:00")
    assert "access_token" in campus.log_in("Exam registration")


def test_program_with_app_passwords_only_refuses_net_id_passwords(campus: Campus) -> None:
    """A client that takes app passwords only gives tokens for one, and refuses the Net ID password."""
    campus.follow(until=4)
    assert "access_token" in campus.log_in("Mail server", password=campus.app_password)
    assert campus.log_in("Mail server")["error"] == "unauthorized_client"


def test_end_stops_passwords_and_what_they_gave(campus: Campus) -> None:
    """From the date on, no Net ID password and no refresh token of one works; a later date counts."""
    campus.follow(until=36)
    campus.set_clock("2028-01-16T23:59")
    begun = campus.log_in("Grade export")["refresh_token"]
    campus.set_clock("2028-01-17T00:00")
    assert campus.log_in("Grade export")["error"] == "unauthorized_client"
    assert campus.refresh("Grade export", begun)["error"] == "unauthorized_client"
    assert "access_token" in campus.log_in("Exam registration")
    campus.renew_app_password()
    assert "access_token" in campus.log_in("Mail server", password=campus.app_password)


TABLE = re.findall(
    r"^\| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", PAGE.split("## What users of a program see")[1], re.MULTILINE
)
ROWS = {step: cells for step, *cells in TABLE[1:]}
# How an operator takes each step of the table. Its effect is looked at an hour later.
STEPS = {
    "announced": ("--ends", "2027-06-30"),
    "closed to new people": ("--closed-to-new-people",),
    "app passwords only": ("--app-passwords", "only"),
    "brown-out": ("--brown-out", "2027-01-15T08:30/2h"),
    "the end, or `NETID_PASSWORD_GRANT_ENDS`": ("--ends", "2027-01-15T08:30"),
    "`--off`": ("--off",),
}
ANSWERS = {"works": None, "refused": "unauthorized_client", "new": "invalid_grant"}


@pytest.mark.parametrize("step", ROWS, ids=lambda step: step.strip("`"))
def test_table_says_what_users_see(step: str, make_site: Callable[..., Site], clock: Clock) -> None:
    """After each step a Net ID password, an app password and a refresh token do what the table says."""
    site = make_site()
    client = site.register("Grade export", "--grant", "refresh_token", "--scope", "profile")
    net_id = "bob" if step == "closed to new people" else "alice"
    site.token(client)  # bob is new here
    create = ("app-password", "create", "Grade export", net_id, "--label", "a", "--days", "9", "--json")
    app_password = json.loads(site.run(*create))["app_password"]
    refresh_token = site.ask_token(client).get_json()["refresh_token"]
    site.run("password-grant", "set", "Grade export", *STEPS[step])
    clock.now += 3600
    answers = [
        site.ask_token(client, username=net_id, password=f"{net_id}-password"),
        site.ask_token(client, username=net_id, password=app_password),
        site.refresh(client, refresh_token),
    ]
    wanted = [ANSWERS[cell.split()[0].rstrip(",")] for cell in ROWS[step]]
    assert [each.get_json().get("error") for each in answers] == wanted
