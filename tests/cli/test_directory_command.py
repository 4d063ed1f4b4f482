"""`flask directory check`: what it prints, and how it ends."""

import json
from collections.abc import Callable

import pytest

from directory import Standing
from tests.conftest import Site
from tests.fakes import FakeAccount, FakeDirectory


def test_a_directory_that_works_ends_with_0(site: Site) -> None:
    """Each step is a line, and the exit status says that all is well."""
    printed = site.run("directory", "check", "alice")
    assert "ok       person: (uid=alice) finds uid=alice,ou=people,dc=campus,dc=example" in printed


def test_a_step_that_fails_ends_with_1(site: Site) -> None:
    """A step that fails names the setting to look at, and is an exit status for scripts."""
    printed = site.run("directory", "check", "nobody", status=1)
    assert "FAILED   person" in printed
    assert "look at NETID_LDAP_USER_FILTER" in printed


def test_json_has_every_finding(site: Site) -> None:
    """With --json the findings are one object."""
    report = json.loads(site.run("directory", "check", "--json"))
    assert report["ok"] is True
    assert {"step", "verdict", "text", "setting", "server", "milliseconds"} == set(report["findings"][0])


def test_password_is_read_and_never_shown(site: Site) -> None:
    """With --password a bind is tried with what standard input holds; it stands in no output."""
    printed = site.run("directory", "check", "alice", "--password", stdin="alice-password\n")
    assert "the password is right" in printed
    assert "alice-password" not in printed
    refused = site.run("directory", "check", "alice", "--password", stdin="not-hers\n", status=1)
    assert "wrong_password" in refused
    assert "not-hers" not in refused


def test_password_needs_a_person(site: Site) -> None:
    """A password of nobody is a mistake in the command."""
    assert "--password needs a NET_ID" in site.run("directory", "check", "--password", status=2)


@pytest.mark.parametrize(
    ("budget", "workers", "limit", "expected"),
    [
        ("3", "2", 5, "ok       shield: guesses add at most 4 failures"),
        ("3", "3", 5, "warning  shield: guesses at once may add 5 failures with 3 workers, and 5 lock"),
        ("0", "2", 5, "warning  shield: off"),
        ("3", "8", 0, None),
        ("3", "8", None, None),
    ],
)
def test_shield_is_compared_with_what_locks(
    make_site: Callable[..., Site], budget: str, workers: str, limit: int | None, expected: str | None
) -> None:
    """The budget and what other workers have under way must stay below the directory's limit."""
    directory = FakeDirectory(account=FakeAccount(counted=Standing(0, limit)))
    site = make_site(directory, NETID_SHIELD_BUDGET=budget, NETID_WORKERS=workers)
    printed = site.run("directory", "check", "alice")
    assert ("shield" in printed) is (expected is not None)
    assert (expected or "") in printed
