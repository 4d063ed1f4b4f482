"""Refused app passwords in the help desk's commands: they have counts of their own."""

import json

import pytest

from login.app_passwords import new_app_password
from tests.cli.refused_logins import MINUTE
from tests.conftest import Registered, Site
from tests.fakes import ALICE
from tests.oauth.app_passwords import make_app_password


@pytest.fixture
def blocked(limited: Site, script: Registered) -> Site:
    """A site where three wrong app passwords were sent as alice."""
    for name in ("alice", "ALICE", " alice"):
        assert limited.ask_token(script, username=name, password=new_app_password()).status_code == 400
    assert limited.ask_token(script, password=new_app_password()).status_code == 429
    return limited


@pytest.mark.parametrize("name", ["alice", ALICE.id])
def test_report_has_them_apart(blocked: Site, script: Registered, name: str) -> None:
    """The report names program, reason and end, and does not take them for wrong Net ID passwords."""
    report = json.loads(blocked.run("person", "why", name, "--json"))
    assert (report["failures"], report["blocked"]) == ([], [])
    (refused,) = report["refused_app_passwords"]
    assert (refused["client_id"], refused["reason"], refused["times"]) == (
        script.client_id,
        "wrong_password",
        3,
    )
    until = {each["until"] for each in report["app_passwords_blocked"]}
    assert until == {blocked.clock.now + 15 * MINUTE}
    printed = blocked.run("person", "why", name)
    assert "App passwords refused in the last day:" in printed
    assert "right ones are accepted" in printed
    assert "BLOCKED" not in printed


def test_right_one_is_accepted_as_the_report_says(blocked: Site, script: Registered) -> None:
    """While wrong ones get 429, a right one and the Net ID password give tokens."""
    assert blocked.ask_token(script, password=make_app_password(blocked, script)).status_code == 200
    assert blocked.ask_token(script).status_code == 200


@pytest.mark.parametrize("name", ["alice", ALICE.id])
def test_unblock_empties_their_count(blocked: Site, script: Registered, name: str) -> None:
    """After `flask person unblock` a wrong one is looked at again."""
    assert json.loads(blocked.run("person", "unblock", name, "--json"))["failures"] == 3
    assert blocked.ask_token(script, password=new_app_password()).status_code == 400


def test_unknown_name_with_refused_ones_is_known_to_the_help_desk(limited: Site, script: Registered) -> None:
    """A name of nobody, which a program sends with an app password, can be looked up and unblocked."""
    limited.ask_token(script, username="nobody-here", password=new_app_password())
    report = json.loads(limited.run("person", "why", "nobody-here", "--json"))
    assert [each["times"] for each in report["refused_app_passwords"]] == [1]
    assert json.loads(limited.run("person", "unblock", "nobody-here", "--json"))["failures"] == 1
