"""What the audit notes of a token request, and what the roll-up makes of it."""

import json
from typing import Any

import pytest

from login.app_passwords import new_app_password
from models import ClientUsage, roll_up, usage_of
from tests.conftest import NOON, Registered, Site
from tests.faults import rows
from tests.oauth.app_passwords import end_app_password, make_app_password

AGENT = "python-requests/2.32.3 (device 8d1f-of-alice)"


@pytest.fixture
def program(site: Site) -> Registered:
    """A client that may refresh."""
    return site.register("Grades app", "--grant", "refresh_token", "--grant", "client_credentials")


def noted(site: Site) -> list[tuple[Any, ...]]:
    """Event, grant type and family of each audit row."""
    return [(row["event"], row["grant_type"], row["user_agent"]) for row in rows(site, "audit_event")]


def ask(site: Site, client: Registered, agent: str = AGENT, **form: str) -> Any:
    """A token request of a program that names itself."""
    usual = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    headers = {"User-Agent": agent}
    return site.http.post("/oauth/token", data={**usual, **form}, auth=client.basic, headers=headers)


def usage(site: Site) -> ClientUsage:
    """The usage of today, of the only client."""
    with site.app.app_context():
        roll_up(int(site.clock()))
        (found,) = usage_of(NOON // 86_400, NOON // 86_400 + 1)
    return found


def test_rows_name_grant_type_and_family(site: Site, program: Registered) -> None:
    """Issues, refreshes and refusals say which grant was asked for, and by what kind of program."""
    refresh = ask(site, program).get_json()["refresh_token"]
    ask(site, program, password="wrong")
    ask(site, program, agent="curl/8.5.0", grant_type="refresh_token", refresh_token=refresh)
    ask(site, program, grant_type="client_credentials", agent="")
    assert noted(site) == [
        ("token.issued", "password", "python-requests"),
        ("grant.refused", "password", "python-requests"),
        ("token.refreshed", "refresh_token", "curl"),
        ("token.issued", "client_credentials", None),
    ]


def test_text_of_a_client_is_not_stored(site: Site, program: Registered) -> None:
    """Neither an unknown grant type nor the header itself is in the table or the log."""
    ask(site, program)
    wrong = Registered(program.client_id, "wrong")
    ask(site, wrong)
    ask(site, program, grant_type="nidp_a-secret-as-a-grant-type")
    assert noted(site)[-1] == ("client.refused", "password", "python-requests")
    kept = str(rows(site, "audit_event")) + site.log.getvalue()
    assert "device 8d1f" not in kept
    assert "nidp_" not in kept


def test_repeated_refusals_keep_their_grant_type(site: Site, program: Registered) -> None:
    """Merged refusals of one grant count as often as they happened, whatever program sent them."""
    for agent in ("curl/8.5.0", AGENT, "curl/8.5.0"):
        ask(site, program, agent=agent, username="nobody", password="x")
        site.clock.now += 61
    site.clock.now -= 183
    found = usage(site)
    assert (found.failures, found.detail["reasons"]) == (3, {"unknown_person": 3})


def test_day_of_a_program_is_counted(site: Site, program: Registered) -> None:
    """Logins, refreshes, failures, users and programs of a day, from requests alone."""
    refresh = ask(site, program).get_json()["refresh_token"]
    ask(site, program, agent="Dalvik/2.1.0 (Linux; U; Android 14)", username="bob", password="bob-password")
    ask(site, program, grant_type="refresh_token", refresh_token=refresh)
    ask(site, program, grant_type="client_credentials")
    ask(site, program, password="wrong")
    found = usage(site)
    assert (found.client_id, found.logins, found.app_password_logins) == (program.client_id, 2, 0)
    assert (found.refreshes, found.failures, found.refusals, found.users) == (1, 1, 0, 2)
    assert found.detail["agents"] == {"python-requests": 2, "Android": 1}
    assert found.detail["reasons"] == {"wrong_password": 1}


def test_app_password_is_counted_apart(site: Site, program: Registered) -> None:
    """A login by app password counts as such, and its row names the app password."""
    made = site.run("app-password", "create", program.client_id, "alice", "--label", "x", "--days", "9")
    value = next(word for word in made.split() if word.startswith("nidp_"))
    assert ask(site, program, password=value).status_code == 200
    found = usage(site)
    assert (found.logins, found.app_password_logins, found.users) == (0, 1, 1)
    (row,) = [row for row in rows(site, "audit_event") if row["event"] == "token.issued"]
    (listed,) = json.loads(site.run("app-password", "list", "--json"))["items"]
    assert row["app_password_id"] == listed["app_password_id"]


def test_ended_app_password_is_no_password_trouble(site: Site, program: Registered) -> None:
    """A program that goes on sending one is told to nobody as a user with an expired password."""
    value = make_app_password(site, program)
    end_app_password(site)
    assert ask(site, program, password=value).status_code == 400
    assert usage(site).detail["reasons"] == {"app_password_ended": 1}
    (item,) = json.loads(site.run("password-grant", "report", "--json"))["items"]
    assert (item["failures"], item["password_trouble"]) == (1, 0)
    assert "The app password has ended." in site.run("person", "why", "alice")


@pytest.mark.parametrize(
    ("policy", "password"),
    [
        (["--off"], "alice-password"),
        (["--app-passwords", "only"], "alice-password"),
        (["--app-passwords", "off"], new_app_password()),
    ],
    # An app password is random, and workers of pytest must agree on names.
    ids=["off", "app passwords only", "app passwords off"],
)
def test_refusal_by_the_policy_is_no_failure(
    site: Site, program: Registered, policy: list[str], password: str
) -> None:
    """A login that the policy refuses counts as a refusal: users did nothing wrong."""
    site.run("password-grant", "set", program.client_id, *policy)
    assert ask(site, program, password=password).status_code == 400
    found = usage(site)
    assert (found.failures, found.refusals, found.logins) == (0, 1, 0)
