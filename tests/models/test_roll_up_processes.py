"""Roll-ups of several processes, some of which are killed: each audit row is counted once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from models import Base, roll_up, usage_of
from models.usage.roll_up import counted_up_to
from tests.conftest import NOON, Clock, Site
from tests.models.stores import Stores
from tests.models.usage_rules import CLIENT, DAY
from tests.servers.migrated import migrated_database
from tests.servers.postgresql import Postgresql

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
ROWS, PEOPLE = 300, 40
# A process that rolls up, three keys a transaction, until nothing is left.
WORKER = """
import os, sys
from app import create_app
from models import StoreUnavailable, db, roll_up
from models.usage.roll_up import counted_up_to
environ = {"NETID_INSTANCE_PATH": sys.argv[1], "NETID_DATABASE_URL": sys.argv[2]}
environ["NETID_SQLITE_SYNCHRONOUS"] = "NORMAL"
with create_app(environ).app_context():
    print("ready", flush=True)
    sys.stdin.readline()
    while (counted_up_to() or 0) < int(sys.argv[3]):
        try:
            roll_up(int(sys.argv[4]), lag=0, chunk=3)
        except StoreUnavailable:
            pass
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, make_site: Callable[..., Site], clock: Clock, tmp_path: Path
) -> Iterator[tuple[Stores, str]]:
    """The stores of a site on a database of its own, and its URL."""
    if request.param == "sqlite":
        site = make_site()
        with site.app.app_context():
            stores = Stores(site, clock)
            yield stores, f"sqlite:///{stores.engine.url.database}"
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    with migrated_database(server, "roll_ups", tmp_path / "migration") as url:
        site = make_site(NETID_DATABASE_URL=url)
        with site.app.app_context():
            yield Stores(site, clock), url


def worker(url: str, tmp_path: Path, number: int) -> subprocess.Popen[str]:
    """A process that rolls up once it is told to."""
    arguments = [str(tmp_path / f"worker{number}"), url, str(ROWS), str(NOON)]
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def tell(process: subprocess.Popen[str]) -> None:
    """Let a worker begin."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_killed_processes_lose_and_double_nothing(place: tuple[Stores, str], tmp_path: Path) -> None:
    """Of three processes that roll up together, two are killed at some moment; the third counts the rest."""
    stores, url = place
    audit = Base.metadata.tables["audit_event"]
    row = dict(stores.audit("token.issued", client_id=CLIENT, grant_type="password").fields())
    with stores.engine.begin() as link:
        rows = [{**row, "subject": f"person {number % PEOPLE}"} for number in range(ROWS)]
        link.execute(audit.insert(), rows)
    workers = [worker(url, tmp_path, number) for number in range(3)]
    try:
        for each in workers:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in workers:
            tell(each)
        for number, victim in enumerate(workers[:2], start=1):
            while (counted_up_to() or 0) < number * 20:
                assert workers[2].poll() is None
            victim.kill()
        assert (counted_up_to() or 0) < ROWS
        assert workers[2].wait(120) == 0
    finally:
        for each in workers:
            each.kill()
            each.communicate()
    roll_up(stores.now, lag=0)
    (usage,) = usage_of(stores.now // DAY, stores.now // DAY + 1)
    assert (usage.logins, usage.users) == (ROWS, PEOPLE)
