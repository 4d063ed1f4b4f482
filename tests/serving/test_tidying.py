"""The workers of `flask serve` count usage and end app passwords, without any request."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from telemetry import AuditEvent
from tests.servers.netid import serving

pytestmark = pytest.mark.slow

DATABASE = "netid.sqlite3"


def await_that(claim: Callable[[], bool]) -> None:
    """Wait until a claim holds."""
    deadline = time.monotonic() + 30
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def insert(database: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    """Insert one row."""
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))  # noqa: S608


def test_workers_tidy_up_beside_their_requests(migrated_instance: Path, tmp_path: Path) -> None:
    """Two workers count one login once, and end an expired app password, whose end is logged once."""
    instance, now = tmp_path / "instance", int(time.time())
    shutil.copytree(migrated_instance, instance)
    login = AuditEvent(event="token.issued", at=now, client_id="c", subject="s", grant_type="password")
    expired = {"id": bytes(16), "digest": bytes(32), "client_id": "c", "directory": "default"}
    times = {"created_at": now - 9, "expires_at": now - 1}
    texts = {"subject": "s", "label": "l", "scope": "profile", "networks": "[]"}
    with closing(sqlite3.connect(instance / DATABASE)) as database, database:
        insert(database, "audit_event", dict(login.fields()))
        insert(database, "app_password", {**expired, **times, **texts})

    def read(statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(instance / DATABASE)) as database:
            return database.execute(statement).fetchall()

    settings = {"NETID_WORKERS": "2"}
    with serving(instance, settings=settings, command=["tests.serving.tidying"]) as running:
        await_that(lambda: read("SELECT logins FROM client_usage") != [])
        await_that(lambda: read("SELECT end_reason FROM app_password") == [("expired",)])
        assert read("SELECT logins, users FROM client_usage") == [(1, 1)]
        await_that(lambda: "app_password.ended" in running.printed())
    assert running.printed().count('"event": "app_password.ended"') == 1
