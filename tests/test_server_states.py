"""A directory server that fails is reported, even if another one replaces it and no login is refused."""

from telemetry import open_log
from tests.conftest import NOON, Site
from tests.faults import rows
from wiring.audit import ServerStates, write_refusals

ONE, OTHER = "ldaps://one.example", "ldaps://other.example"
DOWN, GOOD = "directory.server_down", "directory.server_good"


def report(site: Site, *states: tuple[str, str]) -> list[tuple[str, str]]:
    """Report these states. Returns the log lines by event and server."""
    teller = ServerStates(site.app, open_log(site.log), site.clock)
    for uri, state in states:
        teller.tell(uri, state)
    return [(line["event"], line["server"]) for line in site.log_lines()]


def test_failing_server_is_logged_once(site: Site) -> None:
    """A further failure of a failing server is not logged."""
    tried = [(ONE, "quarantined"), (ONE, "half_open"), (ONE, "quarantined"), (OTHER, "quarantined")]
    assert report(site, *tried, (ONE, "half_open"), (ONE, "good"), (ONE, "good")) == [
        (DOWN, ONE),
        (DOWN, OTHER),
        (GOOD, ONE),
    ]


def test_failing_and_recovered_server_have_audit_rows(site: Site) -> None:
    """The audit has the times of failure and recovery. Nothing is written under the lock of the servers."""
    report(site, (ONE, "quarantined"), (ONE, "good"))
    assert rows(site, "audit_event") == []
    write_refusals(site.app)
    found = [(row["event"], row["reason"], row["at"]) for row in rows(site, "audit_event")]
    assert found == [(DOWN, ONE, NOON), (GOOD, ONE, NOON)]
