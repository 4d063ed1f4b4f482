"""`flask directory check`: what it prints, and how it ends."""

import json

from tests.conftest import Site


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
