"""`flask password-grant report`: who sends Net ID passwords, in every format, and the sheet for an owner."""

import csv
import json
import re
from collections.abc import Callable
from email import message_from_string, policy
from html.parser import HTMLParser
from typing import Any

import pytest

from directory import InvalidCredentials, Refusal
from models import Base, db
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.oauth.app_passwords import make_app_password

DAY = 86_400
TODAY = NOON // DAY


def store_days(site: Site, client: Registered, days: range, **columns: Any) -> None:
    """Store usage of earlier days, as the roll-up would have."""
    usual = {
        "logins": 10,
        "app_password_logins": 0,
        "refreshes": 0,
        "failures": 0,
        "refusals": 0,
        "users": 1,
        "addresses": 1,
        "detail": {"agents": {"curl": 10}, "addresses": {"192.0.2.7": 10}, "reasons": {}},
    }
    rows = [
        {
            "day": TODAY - ago,
            "client_id": client.client_id,
            "last_at": (TODAY - ago) * DAY + 60,
            **usual,
            **columns,
        }
        for ago in days
    ]
    with site.app.app_context(), db.engine.begin() as connection:
        connection.execute(Base.metadata.tables["client_usage"].insert(), rows)


def report(site: Site, *arguments: str, **how: Any) -> str:
    """Run the command."""
    return site.run("password-grant", "report", *arguments, **how)


def reported(site: Site, *arguments: str) -> Any:
    """The report as JSON."""
    return json.loads(report(site, *arguments, "--json"))


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str | None] = set()
        self.ids: set[str] = set()
        self.texts: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value for name, value in attrs if name.endswith("href")}
        self.ids |= {value for name, value in attrs if name == "id" and value}

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.add(data)


def test_logins_of_today_are_in_the_report(site: Site) -> None:
    """The report counts what the audit has, without a server that rolls it up in the background."""
    client = site.register("Grades export", "--owner", "lab@campus.example")
    for _ in range(3):
        form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
        headers = {"User-Agent": "python-requests/2.34"}
        assert (
            site.http.post("/oauth/token", data=form, auth=client.basic, headers=headers).status_code == 200
        )
    site.ask_token(client, password="wrong")
    (item,) = reported(site)["items"]
    assert (item["client_id"], item["owner"]) == (client.client_id, "lab@campus.example")
    assert (item["logins"], item["users"], item["failures"]) == (3, 1, 1)
    assert (item["agents"], item["last_at"]) == ({"python-requests": 3}, NOON)
    assert (item["move_to"], item["language"]) == ("client_credentials", "python")
    assert item["why"].startswith("One user logs in from one address")
    assert item["reaction"] == "not told"


def test_since_limits_the_sums_and_not_the_curve(site: Site) -> None:
    """The decline is as long as what is stored; the sums are those of the period."""
    client = site.register("p")
    store_days(site, client, range(1, 200))
    printed = reported(site)
    assert printed["items"][0]["logins"] == 900
    assert len(printed["weeks"]) == 28
    since = reported(site, "--since", "2027-01-10")
    assert since["items"][0]["logins"] == 50
    assert since["since"] == (TODAY - 5) * DAY
    assert len(since["weeks"]) == 28


def test_client_and_owner_choose(site: Site) -> None:
    """One client by id or name, or all of one owner in any spelling."""
    first = site.register("first", "--owner", "Lab@campus.example")
    second = site.register("second", "--owner", "lab@campus.example")
    site.register("third")
    site.register("no password", grant="client_credentials")
    store_days(site, second, range(1, 3))

    def ids(*arguments: str) -> list[str]:
        return [each["client_id"] for each in reported(site, *arguments)["items"]]

    assert ids("--client", "first") == [first.client_id]
    assert ids("--client", second.client_id) == [second.client_id]
    assert ids("--owner", " LAB@campus.example") == [second.client_id, first.client_id]
    assert len(ids()) == 3


def test_client_that_lost_the_grant_stays_while_it_was_used(site: Site) -> None:
    """What was used in the period is reported, also if it may not be used any more."""
    client = site.register("p")
    site.run("client", "update", client.client_id, "--grant", "client_credentials")
    assert reported(site)["items"] == []
    said = report(site, "--client", "p", status=1)
    assert (
        f"p ({client.client_id}) may not use the password grant, and did not use it in this period." in said
    )
    store_days(site, client, range(1, 3))
    assert [each["logins"] for each in reported(site)["items"]] == [20]


def test_deleted_client_stays_in_the_curve(site: Site) -> None:
    """A client that was deleted is a step of the decline."""
    client = site.register("p")
    store_days(site, client, range(1, 15))
    site.run("client", "delete", client.client_id, "--yes")
    printed = reported(site)
    assert printed["items"] == []
    assert [week["clients"] for week in printed["weeks"]] == [1]


def test_users_are_counted_and_never_named(site: Site) -> None:
    """No format has a Net ID, a stable id or a name of a user."""
    client = site.register("p", "--owner", "lab@campus.example")
    site.token(client)
    site.ask_token(client, username="bob", password="wrong")
    site.ask_token(client, username="nobody-at-all")
    everything = [report(site, "--format", each) for each in ("table", "csv", "json", "html")]
    everything += [report(site, "--mail", "lab@campus.example")]
    for printed in everything:
        for name in ("alice", ALICE.id, ALICE.name or "", "bob", "nobody-at-all"):
            assert name not in printed.lower().replace("callback", "")


def test_table_says_what_each_client_should_move_to(site: Site) -> None:
    """An operator reads client, owner, logins, trend and the way, and how the decline goes."""
    client = site.register("Grades export", "--owner", "lab")
    store_days(site, client, range(1, 90))
    heading, line = report(site).splitlines()
    assert heading.split()[:4] == ["CLIENT", "OWNER", "LOGINS", "TREND"]
    for part in ("Grades export", "lab", "890", "steady", "not told"):
        assert part in line
    said = site.app.test_cli_runner().invoke(args=["password-grant", "report"]).stderr
    assert said == "1 of 1 client sent Net ID passwords.\nProjected end: not in sight.\n"


def test_one_client_is_shown_whole_with_its_code(site: Site) -> None:
    """For one client an operator reads the reason, the dates and the code, ready to be handed on."""
    client = site.register("Grades export", "--owner", "lab")
    store_days(site, client, range(1, 90))
    printed = report(site, "--client", "Grades export")
    for line in (
        "owner                lab",
        "agents               curl 890",
        "named addresses      192.0.2.7",
        "last at              2027-01-14 00:01:00Z",
        "move to              client credentials",
        "In a shell:",
        'data-urlencode = "grant_type=client_credentials"',
    ):
        assert line in printed.splitlines()
    assert "\nwhy                  One user logs in from one address" in printed
    (item,) = reported(site, "--client", "Grades export")["items"]
    assert item["code"] in printed


def test_csv_has_every_member_and_no_formula(site: Site) -> None:
    """A spreadsheet runs nothing that a client or an owner is called."""
    site.register("=cmd()", "--owner", "+1-800")
    (row,) = csv.DictReader(report(site, "--format", "csv").splitlines())
    assert (row["client_name"], row["owner"]) == ("'=cmd()", "'+1-800")
    (item,) = reported(site)["items"]
    assert {*row} == {*item} - {"app_password_share", "code"}
    assert row["last_at"] == ""


def test_html_escapes_names_and_loads_nothing(site: Site) -> None:
    """A client's name is text in the page and in its plots, and the page asks nobody for anything."""
    name = "<script>alert(1)</script>&\"'"
    client = site.register(name, "--owner", "<img src=x onerror=alert(1)>")
    store_days(site, client, range(1, 90))
    page = report(site, "--format", "html")
    assert page.startswith("<!doctype html>\n")
    read = Tags()
    read.feed(page)
    assert (
        read.names & {"script", "img", "link", "iframe", "object", "image", "use", "foreignobject"} == set()
    )
    assert [name for name in read.attributes if name.startswith("on") or name in {"src", "srcset"}] == []
    assert read.links == {f"#{link}" for link in read.ids if link.startswith("client_credentials")}
    assert "@import" not in page
    assert "url(" not in page
    assert "default-src 'none'" in page
    assert name in read.texts
    assert page.count("<svg") == 6


def test_html_without_use_has_no_plot(site: Site) -> None:
    """A new server has a page without plots."""
    page = report(site, "--format", "html")
    assert "<svg" not in page
    assert "No use of the password grant is stored yet." in page
    assert "No client may use the password grant." in page


def test_html_in_the_first_week_has_use_without_curves(site: Site) -> None:
    """The page does not deny the logins that it counts, and breaks no date at its hyphens."""
    client = site.register("p")
    site.run("password-grant", "set", "p", "--ends", "2027-06-30")
    site.token(client)
    site.clock.now += 300
    page = report(site, "--format", "html")
    assert "The curves begin after the first whole week of use." in page
    assert "No use of the password grant is stored yet." not in page
    assert 'are refused from <span class="day">2027-06-30</span> 00:00 UTC' in page


def test_same_report_is_the_same_file(site: Site) -> None:
    """Two runs differ in nothing, so that a report can be compared with an earlier one."""
    client = site.register("p")
    store_days(site, client, range(1, 90))
    assert report(site, "--format", "html") == report(site, "--format", "html")


def test_sheet_is_a_mail(site: Site) -> None:
    """What the command prints can be sent as it is: header fields, an empty line, and the text (RFC 5322)."""
    client = site.register("Grades export", "--owner", "Lab <lab@campus.example>")
    store_days(site, client, range(1, 40))
    site.register("forgotten", "--owner", "unused")
    printed = report(site, "--mail", "lab <LAB@campus.example>")
    mail = message_from_string(printed, policy=policy.default)
    assert mail["To"] == "lab@campus.example"
    assert mail["Subject"] == "NetID OAuth: 1 of your programs sent Net ID passwords, 2027-01"
    assert mail["Content-Type"] == 'text/plain; charset="utf-8"'
    text = mail.get_content()
    assert "Grades export" in text
    assert "it was registered on 2027-01-15" in " ".join(report(site, "--mail", "unused").split())
    assert "300 logins with Net ID passwords" in text
    parts = reported(site, "--mail", "lab <lab@campus.example>")
    assert parts == {"owner": "Lab <lab@campus.example>", "subject": mail["Subject"], "text": text}


@pytest.mark.parametrize(
    ("owner", "to"),
    [
        ("lab@campus.example", "lab@campus.example"),
        ("The lab", None),
        ("a@campus.example, b@campus.example", None),
        ("lab@campus.example>, <other@elsewhere.example", None),
        ("Büro für Übungen <lab@campus.example>", "lab@campus.example"),
    ],
)
def test_sheet_goes_to_one_address_or_to_none(site: Site, owner: str, to: str | None) -> None:
    """An owner who is no mail address gets no field To; no owner's name adds a second recipient."""
    site.register("Prüfungsamt", "--owner", owner)
    printed = report(site, "--mail", owner)
    assert printed.isascii()
    mail = message_from_string(printed, policy=policy.default)
    assert mail["To"] == to
    assert [name for name in mail if name.lower() in {"cc", "bcc", "from"}] == []
    assert "Prüfungsamt" in mail.get_content()


def test_service_accounts_are_shown_and_move_to_client_credentials(
    make_site: Callable[..., Site],
) -> None:
    """A client whose rules allow service accounts alone acts for itself."""
    group = "cn=robots,ou=groups,dc=campus,dc=example"
    site = make_site(NETID_SERVICE_ACCOUNTS=f"group:{group}")
    client = site.register("p", "--allow-member", f"group:{group}")
    store_days(site, client, range(1, 9), users=40, addresses=30)
    (item,) = reported(site)["items"]
    assert (item["service_accounts"], item["move_to"]) == ("service accounts only", "client_credentials")
    assert "service accounts only" in report(site)
    assert "service accounts only" in report(site, "--format", "html")


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--client", "nothing"], 1, "There is no client 'nothing'."),
        (["--owner", "nobody"], 1, "No client that may use the password grant has the owner 'nobody'."),
        (["--mail", "nobody"], 1, "No client that may use the password grant has the owner 'nobody'."),
        (["--since", "2027-01-15"], 1, "--since must be a day before today: nothing is known of later days."),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(
    refusal: Callable[..., str], arguments: list[str], status: int, sentence: str
) -> None:
    """Bad input is one sentence on standard error, and nothing on standard output."""
    assert refusal("password-grant", "report", *arguments, status=status) == sentence


@pytest.mark.parametrize(
    "arguments",
    [
        ["--json", "--format", "csv"],
        ["--mail", "lab", "--format", "html"],
        ["--mail", "lab", "--since", "2027-01-01"],
        ["--mail", "lab", "--owner", "lab"],
    ],
)
def test_options_that_contradict_each_other_are_refused(site: Site, arguments: list[str]) -> None:
    """A wrong use has exit status 2, as with every command."""
    report(site, *arguments, status=2)


@pytest.mark.parametrize("reason", [Refusal.EXPIRED, Refusal.MUST_CHANGE])
def test_users_with_password_trouble_are_counted_for_the_owner(
    make_site: Callable[..., Site], reason: Refusal
) -> None:
    """A program cannot show that a password has expired; the sheet tells its owner that its users meet it."""
    site = make_site(directory=FakeDirectory(InvalidCredentials(reason)))
    client = site.register("p", "--owner", "lab@campus.example")
    site.ask_token(client)
    (item,) = reported(site)["items"]
    assert (item["password_trouble"], item["failures"], item["move_to"]) == (1, 1, "close")
    assert "Password trouble: 1 refusal, because" in report(site, "--mail", "lab@campus.example")
    assert "1 with an expired password" in report(site, "--format", "html")


def test_ended_app_password_is_no_password_trouble(site: Site) -> None:
    """A script that goes on with an ended app password fails, but no user's password has expired."""
    client = site.register("p", "--owner", "lab@campus.example")
    site.ask_token(client, password=make_app_password(site, client, ended_at=NOON - 1))
    (item,) = reported(site)["items"]
    assert (item["password_trouble"], item["failures"]) == (0, 1)
    assert "Password trouble" not in report(site, "--mail", "lab@campus.example")


def test_dates_of_a_client_are_in_the_report(site: Site) -> None:
    """What an operator announced stands in the page and in the sheet, and refusals by it are no failures."""
    client = site.register("p", "--owner", "lab@campus.example")
    site.run("password-grant", "set", "p", "--ends", "2027-06-30", "--brown-out", "2027-01-15T08:00/2h")
    site.clock.now += 60
    assert site.ask_token(client).get_json()["error"] == "unauthorized_client"
    (item,) = reported(site)["items"]
    assert (item["refusals"], item["failures"], item["reaction"]) == (1, 0, "done")
    assert item["announced_at"] == NOON
    dates = [
        "Net ID passwords are refused from 2027-01-15 08:00 to 2027-01-15 10:00 UTC, as a test",
        "Net ID passwords are refused from 2027-06-30 00:00 UTC",
    ]
    assert item["dates"] == dates
    page, sheet = report(site, "--format", "html"), report(site, "--mail", "lab@campus.example")
    page = re.sub(r'<span class="day">(.*?)</span>', r"\1", page)
    assert [each for each in dates if each not in page or each not in " ".join(sheet.split())] == []


def test_date_of_the_server_is_in_the_report(make_site: Callable[..., Site]) -> None:
    """NETID_PASSWORD_GRANT_ENDS and the page about it reach every owner."""
    site = make_site(
        NETID_PASSWORD_GRANT_ENDS="2027-06-30", NETID_PASSWORD_GRANT_HELP_URI="https://it.example/end"
    )
    store_days(site, site.register("p", "--owner", "lab"), range(1, 60))
    assert reported(site)["announced_end"] == 1_814_313_600
    assert "announced end</dt><dd>2027-06-30" in report(site, "--format", "html")
    sheet = " ".join(report(site, "--mail", "lab").split())
    assert "From 2027-06-30 00:00 UTC this server accepts no Net ID password" in sheet
    assert "More about the move: https://it.example/end" in sheet


def test_period_is_no_longer_than_what_is_kept(site: Site) -> None:
    """A date long ago is taken as three years, and costs no more statements."""
    site.register("p")
    assert reported(site, "--since", "0001-01-01")["since"] == (TODAY - 3 * 366) * DAY
