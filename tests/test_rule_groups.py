"""At the start of a worker, the groups in rules are searched in the background."""

from collections.abc import Callable

import pytest

from directory import DirectoryUnavailable
from telemetry import open_log
from tests.conftest import Site
from tests.fakes import ALICE, FakeDirectory
from wiring import directory_check
from wiring.directory_check import look_for_groups, warn_of_unknown_groups

GROUP = "cn=stuff,ou=groups,dc=campus,dc=example"


def warned(site: Site) -> list[dict[str, object]]:
    """The warnings of the log."""
    return [line for line in site.log_lines() if line["event"] == "rule.group_unknown"]


def wait_in_vain(_seconds: float) -> None:
    """Fail, because nothing may wait here."""
    pytest.fail("it waits")


def test_missing_group_is_logged(make_site: Callable[..., Site]) -> None:
    """A rule that matches nobody is logged, with its place."""
    site = make_site(NETID_REFUSE_MEMBERS=f"group:{GROUP}")
    look_for_groups(site.app, open_log(site.log), wait_in_vain)
    [line] = warned(site)
    assert (line["group"], line["places"]) == (GROUP, ["NETID_REFUSE_MEMBERS"])
    assert line["level"] == "warning"


def test_group_with_another_spelling_in_the_directory_is_logged(
    make_site: Callable[..., Site],
) -> None:
    """A spelling that only the directory treats as equal is logged, since the rule does not match it."""
    directory = FakeDirectory()
    directory.spellings = {GROUP: "cn=Other,dc=x"}
    site = make_site(directory, NETID_REFUSE_MEMBERS=f"group:{GROUP}")
    look_for_groups(site.app, open_log(site.log), wait_in_vain)
    assert "cn=Other,dc=x" in str(warned(site)[0]["cause"])


def test_group_that_only_looks_alike_is_logged(make_site: Callable[..., Site]) -> None:
    """A rule with look-alike characters grants nothing, and is logged for its author."""
    directory = FakeDirectory()
    directory.spellings = {GROUP: GROUP.replace("stuff", "\uff53tuff")}
    site = make_site(directory, NETID_ALLOW_MEMBERS=f"group:{GROUP}")
    look_for_groups(site.app, open_log(site.log), wait_in_vain)
    assert "must be written so too" in str(warned(site)[0]["cause"])


def test_unknown_group_of_service_accounts_is_logged(make_site: Callable[..., Site]) -> None:
    """A misspelt group would call no client one of service accounts, so the log names the setting."""
    directory = FakeDirectory()
    directory.spellings = {GROUP: None}
    site = make_site(directory, NETID_SERVICE_ACCOUNTS=f"group:{GROUP}")
    look_for_groups(site.app, open_log(site.log), wait_in_vain)
    assert "NETID_SERVICE_ACCOUNTS" in str(warned(site))


def test_directory_is_not_asked_without_rules_about_groups(make_site: Callable[..., Site]) -> None:
    """A directory that is away is not missed where no rule names a group."""
    site = make_site(FakeDirectory(DirectoryUnavailable("away")), NETID_REFUSE_MEMBERS="affiliation:x")
    look_for_groups(site.app, open_log(site.log), wait_in_vain)
    assert warned(site) == []


def test_start_does_not_wait_for_the_directory(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the directory is away, the search is retried later, and the start does not wait."""
    directory = FakeDirectory(DirectoryUnavailable("away"))
    directory.spellings = {GROUP: None}
    site = make_site(directory, NETID_REFUSE_MEMBERS=f"group:{GROUP}")
    waited: list[float] = []

    def wait(seconds: float) -> None:
        assert warned(site) == []
        waited.append(seconds)
        if len(waited) == 3:
            directory.outcome = ALICE

    look_for_groups(site.app, open_log(site.log), wait)
    assert len(waited) == 3
    assert len(warned(site)) == 1
    monkeypatch.setattr(directory_check, "look_for_groups", lambda _app, _log, wait: wait(0))
    warn_of_unknown_groups(site.app, open_log(site.log)).join(5)


def test_groups_are_not_searched_without_a_service_account(make_site: Callable[..., Site]) -> None:
    """With a DN template alone, an anonymous search would see no group."""
    site = make_site(
        FakeDirectory(DirectoryUnavailable("away")),
        NETID_LDAP_URI="ldap://127.0.0.1:9",
        NETID_LDAP_START_TLS="off",
        NETID_LDAP_USER_DN_TEMPLATE="uid={username},dc=x",
        NETID_REFUSE_MEMBERS=f"group:{GROUP}",
    )
    look_for_groups(site.app, open_log(site.log), wait_in_vain)
    assert warned(site) == []
