"""A server whose directory has wrong settings starts, says so in its log, and is degraded in `/readyz`."""

import json
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from directory import DirectoryUnavailable
from tests.conftest import Site
from tests.fakes import ALICE, FakeDirectory
from tests.servers.netid import Running, serving
from wiring.directory_check import DirectoryCheck

WRONG = DirectoryUnavailable("no entry below ou=x shows uid: correct NETID_LDAP_USER_BASE", alarm=True)
AWAY = DirectoryUnavailable("ldap://ldap1 cannot be reached")


class WrongBase(FakeDirectory):
    """A directory that answers, but in which no user is found. `results` are the results of the checks."""

    def __init__(self, *results: DirectoryUnavailable | None) -> None:
        super().__init__(ALICE)
        self.results = list(results)

    def check_settings(self) -> None:
        """Raise the next result, if it is a failure."""
        failure = self.results.pop(0)
        if failure is not None:
            raise failure


def readiness(site: Site) -> tuple[int, str, str]:
    """Ask `/readyz`."""
    answer = site.http.get("/readyz")
    return answer.status_code, answer.get_json()["status"], answer.get_json()["directory"]


def run_check(site: Site, directory: WrongBase) -> list[tuple[float, str]]:
    """Run the check until it passes. Returns each wait, with the state of `/readyz` in it."""
    waits: list[tuple[float, str]] = []
    check: DirectoryCheck = site.app.extensions[DirectoryCheck.NAME]
    check.run(lambda seconds: waits.append((seconds, readiness(site)[1])))
    assert directory.results == []
    return waits


def events(site: Site) -> list[tuple[str, str]]:
    """Return the events of the check in the log, with their levels."""
    return [
        (line["event"], line["level"]) for line in site.log_lines() if "directory.settings" in line["event"]
    ]


def test_wrong_settings_degrade_the_server_until_they_are_good(make_site: Callable[..., Site]) -> None:
    """The check is repeated each minute. A fault is logged once, with an alarm, and its end is logged too."""
    directory = WrongBase(WRONG, WRONG, None)
    site = make_site(directory)
    assert readiness(site) == (200, "ok", "ok")
    assert run_check(site, directory) == [(60.0, "degraded")] * 2
    assert readiness(site) == (200, "ok", "ok")
    assert events(site) == [("directory.settings_wrong", "error"), ("directory.settings_good", "info")]
    wrong = next(line for line in site.log_lines() if line["event"] == "directory.settings_wrong")
    assert (wrong["cause"], wrong["alarm"]) == (WRONG.cause, True)


def test_directory_that_is_away_is_checked_when_it_is_back(make_site: Callable[..., Site]) -> None:
    """An outage at the start is no fault of the settings: `/readyz` asks the directory itself."""
    directory = WrongBase(AWAY, None)
    site = make_site(directory)
    assert run_check(site, directory) == [(60.0, "ok")]
    assert events(site) == []


def test_each_new_fault_is_logged(make_site: Callable[..., Site]) -> None:
    """An operator who corrects one setting learns of the next one."""
    other = DirectoryUnavailable("correct NETID_LDAP_ID_ATTRIBUTE", alarm=True)
    directory = WrongBase(WRONG, other, None)
    site = make_site(directory)
    run_check(site, directory)
    assert [event for event, _ in events(site)] == ["directory.settings_wrong"] * 2 + [
        "directory.settings_good"
    ]


def ready(server: Running) -> dict[str, str]:
    """Ask a running server's `/readyz`."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/readyz") as answer:
        body: dict[str, str] = json.load(answer)
        return body


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"NETID_LDAP_USER_BASE": "ou=groups,dc=campus,dc=example"},
        {"NETID_LDAP_ID_ATTRIBUTE": "employeeNumber"},
    ],
)
def test_server_starts_with_wrong_settings_and_says_so(tmp_path: Path, settings: dict[str, str]) -> None:
    """`flask serve` listens, logs the setting, and is degraded, although the directory answers."""
    (setting,) = settings
    with serving(tmp_path / "instance", settings=settings) as server:
        deadline = time.monotonic() + 20
        while "directory.settings_wrong" not in server.printed() and time.monotonic() < deadline:
            time.sleep(0.05)
        line = next(line for line in server.printed().splitlines() if "directory.settings_wrong" in line)
        assert setting in json.loads(line)["cause"]
        assert ready(server) == {"status": "degraded", "database": "ok", "directory": "unavailable"}
