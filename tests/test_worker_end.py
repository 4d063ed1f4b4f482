"""A worker that ends stores the events that wait in its ledger."""

import shutil
import sqlite3
import subprocess
from base64 import b64encode
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.conftest import Site
from tests.servers.netid import serving

pytestmark = pytest.mark.slow


def test_worker_that_ends_stores_its_waiting_refusals(site: Site, tmp_path: Path) -> None:
    """After SIGTERM the audit has every refusal, also those that waited for their minute."""
    client = site.register()
    instance = tmp_path / "served"
    shutil.copytree(site.app.instance_path, instance)
    form = "grant_type=password&username=alice&password=wrong"
    with serving(instance, settings={"NETID_WORKERS": "1"}) as running:
        for _ in range(3):
            url = f"http://127.0.0.1:{running.port}/oauth/token"
            sent = ["curl", "-s", "-u", f"{client.client_id}:{client.secret}", "-d", form, url]
            assert "invalid_grant" in subprocess.run(sent, capture_output=True, text=True, check=True).stdout
    connection = sqlite3.connect(instance / "netid.sqlite3")
    found = connection.execute("SELECT times FROM audit_event WHERE event = 'grant.refused'").fetchall()
    connection.close()
    assert sum(times or 1 for (times,) in found) == 3


def test_worker_checkpoints_the_write_ahead_log(site: Site, tmp_path: Path) -> None:
    """The database's log does not wait for the end of a worker, nor for a request that finds it long."""
    client = site.register(grant="client_credentials")
    instance = tmp_path / "served"
    shutil.copytree(site.app.instance_path, instance)
    database = instance / "netid.sqlite3"
    before = database.stat().st_size
    with serving(instance, settings={"NETID_WORKERS": "1"}) as running:
        connection = HTTPConnection("127.0.0.1", running.port, timeout=30)
        headers = {
            "Authorization": "Basic " + b64encode(f"{client.client_id}:{client.secret}".encode()).decode(),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        for _ in range(1_500):
            connection.request("POST", "/oauth/token", "grant_type=client_credentials", headers)
            assert connection.getresponse().read()
            if database.stat().st_size > before:
                break
        else:
            raise AssertionError("nothing was written back")
        connection.close()


def test_default_number_of_threads_causes_no_warning(tmp_path: Path) -> None:
    """A server with default settings starts without a warning."""
    with serving(tmp_path / "served") as running:
        assert running.printed()
        assert "warning" not in running.printed()
