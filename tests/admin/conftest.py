"""The services that use cases work on, over a database of either kind."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from admin import Services
from cli import services_of
from models import Base
from tests.conftest import Clock, Site
from tests.models.stores import Stores

for rules in ("atomicity", "concurrency", "policy_race"):
    pytest.register_assert_rewrite(f"tests.admin.{rules}_rules")


@dataclass(frozen=True)
class Office:
    """The services of the use cases, with helpers that read and break the database."""

    services: Services
    stores: Stores

    def rows(self, table: str) -> Sequence[dict[str, Any]]:
        """Every row of a table."""
        return self.stores.rows(table)

    def events(self) -> list[str]:
        """The names of the audit events, in their order."""
        return [row["event"] for row in self.rows("audit_event")]

    @contextmanager
    def without_audit(self) -> Iterator[None]:
        """Remove the audit table until the block ends."""
        self._rename("audit_event", "audit_away")
        try:
            yield
        finally:
            self._rename("audit_away", "audit_event")

    def _rename(self, name: str, other: str) -> None:
        with self.stores.engine.begin() as connection:
            connection.execute(text(f"ALTER TABLE {name} RENAME TO {other}"))

    def empty_audit(self) -> None:
        """Delete every audit event."""
        with self.stores.engine.begin() as connection:
            connection.execute(Base.metadata.tables["audit_event"].delete())

    @contextmanager
    def failing_writes(self, table: str, *, after: int = 0) -> Iterator[None]:
        """Make the database refuse writes to one table in the block, except the first `after` writes."""
        refused = count(1)
        written = tuple(f"{verb} {name}" for verb in VERBS for name in (table, f'"{table}"'))

        def refuse(_link: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith(written) and next(refused) > after:
                raise OperationalError(statement, None, Exception("the disk is full"))

        event.listen(self.stores.engine, "before_cursor_execute", refuse)
        try:
            yield
        finally:
            event.remove(self.stores.engine, "before_cursor_execute", refuse)

    def at_once(self, *calls: Callable[[], object]) -> list[object]:
        """Run calls in threads that begin together. Returns what each returned, or its error."""
        line = Barrier(len(calls))

        def run(call: Callable[[], object]) -> object:
            with self.stores.site.app.app_context():
                line.wait(10)
                try:
                    return call()
                except Exception as error:  # noqa: BLE001 - the test looks at it
                    return error

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(run, calls))


VERBS = ("INSERT INTO", "UPDATE", "DELETE FROM")


@pytest.fixture
def office(url: str, make_site: Callable[..., Site], clock: Clock) -> Iterator[Office]:
    """The services of an application on a migrated, empty database."""
    site = make_site(NETID_DATABASE_URL=url)
    with site.app.app_context():
        yield Office(services_of(site.app), Stores(site, clock))
