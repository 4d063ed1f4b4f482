"""A huge login name costs little: it is refused before it is normalized."""

import time
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from directory import InvalidCredentials, Refusal
from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory
from tests.oauth.answers import INVALID_GRANT, status_and_error

# Marks in the wrong order are sorted, in time that grows with the square of their number.
HUGE = {"ascii": "x" * 16_000, "marks": "e" + "\u0301" * 3900 + "\u0323" * 3900, "long": "\ufdfa" * 5000}
# The longest names that are normalized, of characters that take the longest.
ALLOWED = {"marks": "e" + "\u0301" * 127 + "\u0323" * 128, "long": "\ufdfa" * 256, "many": "\u1f82" * 256}
# Seconds of CPU. Before names were bounded, marks took 0.2.
_MOST = 0.02


def ask(site: Site, client: Registered, name: str) -> TestResponse:
    """A token request whose body is not percent-encoded, so that the longest name fits."""
    form = f"grant_type=password&password=x&username={name}".encode()
    content_type = "application/x-www-form-urlencoded"
    return site.http.post("/oauth/token", data=form, auth=client.basic, content_type=content_type)


def cpu_of(question: Callable[[], object]) -> float:
    """The least CPU time of a few runs."""
    took = []
    for _ in range(3):
        began = time.process_time()
        question()
        took.append(time.process_time() - began)
    return min(took)


@pytest.mark.parametrize("name", [*HUGE.values(), "x" * 257], ids=[*HUGE, "by one"])
def test_name_over_256_characters_is_refused_quickly(make_site: Callable[..., Site], name: str) -> None:
    """The answer is that of a wrong password, it takes little time, and the directory is not asked."""
    directory = FakeDirectory()
    site = make_site(directory)
    client = site.register()
    refused = ask(site, client, name)
    assert status_and_error(refused) == INVALID_GRANT
    directory.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    assert refused.data == ask(site, client, "alice").data
    directory.asked.clear()
    assert cpu_of(lambda: ask(site, client, name)) < _MOST
    assert directory.asked == []
    assert site.log_lines()[-1]["reason"] == "unacceptable"
    assert name not in site.log.getvalue()


@pytest.mark.parametrize("name", HUGE.values(), ids=HUGE)
def test_name_over_256_characters_is_throttled_quickly(make_site: Callable[..., Site], name: str) -> None:
    """A 429 costs no more than a 400, with its log line and audit row."""
    site = make_site(NETID_LIMIT_PERSON="1/15minutes")
    client = site.register()
    assert status_and_error(ask(site, client, name)) == INVALID_GRANT
    assert ask(site, client, name).status_code == 429
    assert cpu_of(lambda: ask(site, client, name)) < _MOST


@pytest.mark.parametrize("name", ALLOWED.values(), ids=ALLOWED)
def test_longest_names_are_cheap(site: Site, name: str) -> None:
    """256 characters of the worst kind cost little more than a short name."""
    assert len(name) <= 256
    client = site.register()
    assert status_and_error(ask(site, client, name)) == INVALID_GRANT
    assert cpu_of(lambda: ask(site, client, name)) < _MOST


@pytest.mark.parametrize("command", ["why", "unblock", "logout"])
def test_commands_find_no_user_by_a_long_name(site: Site, command: str) -> None:
    """A command too finds no user by a name that is too long."""
    assert cpu_of(lambda: site.run("person", command, HUGE["marks"], "--json", status=1)) < 1
    assert site.run("audit", "list", "--name", HUGE["marks"], "--json")
