"""`flask directory check`: what it prints, and how it ends."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from directory import LockoutStatus
from tests.conftest import Site
from tests.fakes import FakeAccount, FakeDirectory


def test_exit_status_is_0_if_every_step_succeeds(site: Site) -> None:
    """Each step is one line, and the exit status is 0."""
    printed = site.run("directory", "check", "alice")
    assert "ok       person: (uid=alice) finds uid=alice,ou=people,dc=campus,dc=example" in printed


def test_exit_status_is_1_if_a_step_fails(site: Site) -> None:
    """A failed step names the setting to look at, and the exit status is 1."""
    printed = site.run("directory", "check", "nobody", status=1)
    assert "FAILED   person" in printed
    assert "look at NETID_LDAP_USER_FILTER" in printed


def test_json_has_every_finding(site: Site) -> None:
    """With `--json` the findings are one object."""
    report = json.loads(site.run("directory", "check", "--json"))
    assert report["ok"] is True
    assert {"step", "verdict", "text", "setting", "server", "milliseconds"} == set(report["items"][0])


def test_password_is_read_and_never_shown(site: Site) -> None:
    """`--password` binds with the password on standard input, which no output shows."""
    printed = site.run("directory", "check", "alice", "--password", stdin="alice-password\n")
    assert "the password is right" in printed
    assert "alice-password" not in printed
    refused = site.run("directory", "check", "alice", "--password", stdin="not-hers\n", status=1)
    assert "wrong_password" in refused
    assert "not-hers" not in refused


def test_password_needs_a_net_id(site: Site) -> None:
    """`--password` without a Net ID is a usage error."""
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
def test_lockout_protection_is_compared_with_the_directory(
    make_site: Callable[..., Site], budget: str, workers: str, limit: int | None, expected: str | None
) -> None:
    """The budget and the binds under way in other workers must stay below the directory's limit."""
    directory = FakeDirectory(account=FakeAccount(counted=LockoutStatus(0, limit)))
    site = make_site(directory, NETID_SHIELD_BUDGET=budget, NETID_WORKERS=workers)
    printed = site.run("directory", "check", "alice")
    assert ("shield" in printed) is (expected is not None)
    assert (expected or "") in printed


def test_missing_group_of_a_rule_is_a_warning(make_site: Callable[..., Site]) -> None:
    """If the directory lacks a group that a rule names, the warning names the rule's place."""
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


def test_existing_groups_of_rules_are_one_line(make_site: Callable[..., Site]) -> None:
    """One line says that the directory has the groups; without such rules there is no line."""
    site = make_site(NETID_REFUSE_MEMBERS="group:CN=Staff, ou=groups,dc=campus,dc=example")
    assert "ok       groups of rules: 1 groups of rules are there" in site.run("directory", "check")
    assert "groups of rules" not in make_site().run("directory", "check")


def test_embedded_directory_is_a_warning(site: Site, make_site: Callable[..., Site]) -> None:
    """An operator whose NETID_LDAP_URI is missing learns that no LDAP server was checked."""
    first, setting, *_ = site.run("directory", "check").splitlines()
    assert first.startswith("warning  directory: the embedded directory for a first try")
    assert setting.strip() == "look at NETID_LDAP_URI"
    base = "ou=people,dc=campus,dc=example"
    other = make_site(NETID_LDAP_URI="ldap://127.0.0.1:1", NETID_LDAP_USER_BASE=base)
    assert "embedded" not in other.run("directory", "check", status=1)


def test_database_without_tables_has_no_groups_of_rules(
    make_site: Callable[..., Site], tmp_path: Path
) -> None:
    """The check works before the first `flask db upgrade`: only the settings can then name groups."""
    url = f"sqlite:///{tmp_path}/bare.sqlite3"
    assert "groups of rules" not in make_site(NETID_DATABASE_URL=url).run("directory", "check")
    rule = "group:cn=staff,ou=groups,dc=campus,dc=example"
    ruled = make_site(NETID_DATABASE_URL=url, NETID_REFUSE_MEMBERS=rule)
    assert "ok       groups of rules: 1 groups of rules are there" in ruled.run("directory", "check")
