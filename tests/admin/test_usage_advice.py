"""What a program should move to, by what the server has seen of it."""

from typing import Any

import pytest

from admin.usage.advice import Way, advise
from admin.usage.facts import ClientFacts, ServiceAccounts
from models import PasswordGrantPolicy
from tests.admin.usage_days import program

CODE, DEVICE, CREDENTIALS, APP, CLOSE = (
    Way.AUTHORIZATION_CODE,
    Way.DEVICE_CODE,
    Way.CLIENT_CREDENTIALS,
    Way.APP_PASSWORD,
    Way.CLOSE,
)


def facts(agent: str | None = None, **members: Any) -> ClientFacts:
    """The facts of a client with a thousand logins."""
    usual = {
        "client": program(),
        "logins": 1000,
        "users": 1,
        "addresses": 1,
        "agents": {agent: 1000} if agent else {},
    }
    return ClientFacts(**{**usual, **members})


TABLE: list[tuple[str | None, int, int, Way, str, str]] = [
    # agent, users, addresses, way, language, program
    ("curl", 1, 1, CREDENTIALS, "shell", "a script on a server"),
    ("python-requests", 1, 3, CREDENTIALS, "python", "a script on a server"),
    ("other", 1, 1, CREDENTIALS, "shell", "a script on a server"),
    (None, 1, 1, CREDENTIALS, "shell", "a script on a server"),
    ("python-requests", 1, 4, DEVICE, "python", "a program in a terminal"),
    ("iPhone", 1, 1, CODE, "swift", "an app on phones"),
    ("Safari", 1, 1, CODE, "javascript", "a page in browsers"),
    ("iPhone", 900, 700, CODE, "swift", "an app on phones"),
    ("Android", 900, 2, CODE, "kotlin", "an app on phones"),
    ("okhttp", 900, 700, CODE, "kotlin", "an app on phones"),
    ("okhttp", 900, 2, CODE, "java", "a web application"),
    ("Chrome", 40, 40, CODE, "javascript", "a page in browsers"),
    ("curl", 30, 2, DEVICE, "shell", "a program in a terminal"),
    ("PowerShell", 30, 30, DEVICE, "shell", "a program in a terminal"),
    ("Go-http-client", 30, 30, DEVICE, "go", "a program in a terminal"),
    ("PHP", 300, 1, CODE, "php", "a web application"),
    ("Java", 300, 2, CODE, "java", "a web application"),
    ("Ruby", 300, 2, CODE, "ruby", "a web application"),
    ("Ruby", 300, 90, DEVICE, "ruby", "a program in a terminal"),
    ("node", 300, 90, CODE, "javascript", "a program on users' devices"),
    ("other", 300, 1, APP, "shell", "a program that perhaps cannot be changed"),
    (None, 300, 3, APP, "shell", "a program that perhaps cannot be changed"),
    ("other", 300, 90, CODE, "shell", "a program on users' devices"),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}")
def test_advice_follows_users_addresses_and_agent(row: tuple[str | None, int, int, Way, str, str]) -> None:
    """A server acts for itself, users on phones sign in in the browser, and a terminal shows a code."""
    agent, users, addresses, *expected = row
    advice = advise(facts(agent, users=users, addresses=addresses), days=90)
    assert [advice.grant, advice.language, advice.program] == expected
    assert advice.why.endswith(".")


def test_agent_with_the_most_logins_counts() -> None:
    """A browser that was tried once does not make a page of a script."""
    mixed = {"Chrome": 1, "python-requests": 500, "other": 20}
    assert advise(facts(agents=mixed), days=90).grant == CREDENTIALS


def test_few_users_who_log_in_every_hour_are_scripts() -> None:
    """Nobody types a password 24 times a day, so these users are accounts of programs."""
    advice = advise(facts("PHP", users=3, logins=3 * 24 * 90), days=90)
    assert (advice.grant, advice.program) == (CREDENTIALS, "scripts on a server")
    assert "24 times a day" in advice.why
    assert advise(facts("PHP", users=3, logins=3 * 23 * 90), days=90).grant == CODE


@pytest.mark.parametrize("kind", [ServiceAccounts.BY_RULES, ServiceAccounts.BY_USERS])
def test_service_accounts_move_to_client_credentials(kind: ServiceAccounts) -> None:
    """A program whose users are all service accounts acts for itself, whatever else is seen."""
    advice = advise(facts("Java", users=4, addresses=50, service_accounts=kind), days=90)
    assert advice.grant == CREDENTIALS
    assert "service accounts" in advice.why


def test_public_client_is_told_that_it_lacks_a_secret() -> None:
    """Client credentials are for clients with a secret alone (RFC 6749, 4.4)."""
    public = facts("curl", client=program(token_endpoint_auth_method="none"))
    assert "no secret" in advise(public, days=90).why
    assert "no secret" not in advise(facts("curl"), days=90).why


def test_unused_client_is_closed() -> None:
    """A client without a login has no program that must move."""
    assert advise(facts(logins=0, users=0), days=90)[:2] == (CLOSE, "Nobody logged in with it in 90 days.")


def test_new_client_is_not_called_unused_for_days_before_its_registration() -> None:
    """A client that was registered a week ago cannot have been unused for 90 days."""
    new = facts(client=program(created_at=1_800_000_000), logins=0, users=0, is_new=True)
    advice = advise(new, days=90)
    assert advice.why == "Nobody has logged in with it since it was registered on 2027-01-15."
    assert advice.grant == Way.WAIT


def test_client_whose_logins_all_fail_is_closed() -> None:
    """A program whose every login is refused is broken: the report says how often it tried."""
    advice = advise(facts("curl", logins=0, failures=1200, refusals=34), days=90)
    assert advice.grant == CLOSE
    assert "1,234 failed" in advice.why


def test_client_that_only_refreshes_is_in_use() -> None:
    """A program that keeps its token logs in seldom, and is not unused."""
    assert advise(facts("curl", logins=0, refreshes=5), days=90).grant == CREDENTIALS


def test_closed_client_needs_nothing() -> None:
    """What is off already is not proposed for closing, and its old logins make no work."""
    off = program(password_grant=PasswordGrantPolicy(off_at=1))
    assert advise(facts("iPhone", client=off, users=300), days=90)[:2] == (
        Way.NOTHING,
        "Its password grant is off: nothing is left to do.",
    )


def test_client_with_app_passwords_alone_stays_with_them() -> None:
    """An operator has decided that it cannot be changed, or its users already have moved."""
    only = program(password_grant=PasswordGrantPolicy(app_passwords="only"))
    assert advise(facts("iPhone", client=only, users=300, addresses=300), days=90).grant == APP
    moved = advise(facts("iPhone", logins=0, app_password_logins=9), days=90)
    assert moved.grant == APP
    assert "--app-passwords only" in moved.why
