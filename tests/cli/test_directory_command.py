"""`flask directory check`: what it prints, and how it ends."""

import json
from collections.abc import Callable

import pytest

from directory import LockoutStatus
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
    directory = FakeDirectory(account=FakeAccount(counted=LockoutStatus(0, limit)))
    site = make_site(directory, NETID_SHIELD_BUDGET=budget, NETID_WORKERS=workers)
    printed = site.run("directory", "check", "alice")
    assert ("shield" in printed) is (expected is not None)
    assert (expected or "") in printed


def test_groups_of_rules_are_looked_for(make_site: Callable[..., Site]) -> None:
    """A group that a rule names and the directory does not have is warned of, with the place of the rule."""
    groups = "ou=groups,dc=campus,dc=example"
    site = make_site(NETID_REFUSE_MEMBERS=f"group:cn=staff,{groups}; group:cn=stuff,{groups}")
    site.run("scope", "create", "payroll", "--needs", f"group:cn=payrol,{groups}")
    client = site.register("p", "--allow-member", f"group:cn=nobody,{groups}")
    lines = [line for line in site.run("directory", "check").splitlines() if "groups of rules" in line]
    assert [line.split()[0] for line in lines] == ["warning"] * 3
    for dn, place in (
        ("cn=stuff", "NETID_REFUSE_MEMBERS"),
        ("cn=payrol", "scope payroll"),
        ("cn=nobody", f"client {client.client_id}"),
    ):
        assert any(
            f"{dn},{groups}: the directory shows our account no such group ({place})" in line
            for line in lines
        )


def test_groups_of_rules_that_are_there(make_site: Callable[..., Site]) -> None:
    """Groups that the directory has are told in one line; without such rules there is none."""
    site = make_site(NETID_REFUSE_MEMBERS="group:CN=Staff, ou=groups,dc=campus,dc=example")
    assert "ok       groups of rules: 1 groups of rules are there" in site.run("directory", "check")
    assert "groups of rules" not in make_site().run("directory", "check")
