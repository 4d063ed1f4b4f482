"""What every database must keep to on the hot path's own way to it."""

import pytest
from sqlalchemy import bindparam, func, insert, select, text

from models.base import StoreUnavailable, connection, table
from models.database.driver import DriverConnection, Statement
from models.tables import ScopeRow
from tests.models.stores import Stores

_SCOPE = table(ScopeRow)
_INSERT = Statement(insert(_SCOPE), _SCOPE.c.keys())
_COUNT = Statement(select(func.count().label("many")).select_from(_SCOPE))
ROW = {"name": "a-scope", "description": "", "needs": ["group:x"]}


def many() -> int:
    """How many scopes there are."""
    with DriverConnection(alone=True) as link:
        found = link.first(_COUNT, {})
    assert found is not None
    return int(found["many"])


def break_off(error: type[BaseException], *, alone: bool = False) -> None:
    """Store a scope, and be stopped before the end."""
    with DriverConnection(alone=alone) as link:
        link.run(_INSERT, ROW)
        raise error


class DriverRules:
    """`DriverConnection`: SQLAlchemy's pool, the driver's own execution."""

    def test_what_is_committed_stays(self, stores: Stores) -> None:
        """A commit keeps what was run."""
        with DriverConnection() as link:
            assert link.run(_INSERT, ROW) == 1
            link.commit()
        assert stores.rows("scope") == [ROW]

    def test_what_is_not_committed_is_undone(self, stores: Stores) -> None:
        """Without a commit, and with an error of any kind, nothing stays."""
        with DriverConnection() as link:
            link.run(_INSERT, ROW)
        assert many() == 0
        with pytest.raises(KeyError):
            break_off(KeyError)
        assert many() == 0

    def test_connection_that_was_alone(self, stores: Stores) -> None:
        """A connection that ran statements by themselves has transactions again when the next one has it."""
        stores.engine.dispose()
        assert many() == 0
        with connection() as link:
            link.execute(text("DELETE FROM scope"))
            link.execute(insert(_SCOPE), ROW)
        assert many() == 0

    def test_interrupted_work_ends_its_connection(self, stores: Stores) -> None:
        """Whoever is stopped in the middle leaves no connection that nobody knows the state of."""
        stores.engine.dispose()
        many()
        with connection() as kept:
            first = kept.connection.driver_connection
        for alone in (False, True):
            with pytest.raises(KeyboardInterrupt):
                break_off(KeyboardInterrupt, alone=alone)
            with connection() as next_one:
                assert next_one.connection.driver_connection is not first
                first = next_one.connection.driver_connection
        assert "Current Checked out connections: 0" in stores.engine.pool.status()

    def test_connection_that_was_closed_behind_our_back(self, stores: Stores) -> None:
        """A connection that its driver has given up costs one refusal, and is replaced."""
        for alone in (True, False):
            with connection() as kept:
                idle = kept.connection.driver_connection
            assert idle is not None
            idle.close()
            with pytest.raises(StoreUnavailable), DriverConnection(alone=alone) as link:
                link.first(_COUNT, {})
            assert many() == 0
            assert "Current Checked out connections: 0" in stores.engine.pool.status()

    def test_rows_by_their_columns(self, stores: Stores) -> None:
        """Values come back as they were given, by the names of their columns."""
        with DriverConnection() as link:
            link.run_each(_INSERT, [{**ROW, "name": name} for name in ("b", "c")])
            link.commit()
        ask = Statement(select(_SCOPE).where(_SCOPE.c.name == bindparam("of_name")))
        with DriverConnection(alone=True) as link:
            assert link.all(ask, {"of_name": "b"}) == [{**ROW, "name": "b"}]
            assert link.first(ask, {"of_name": "a"}) is None

    def test_statement_of_changing_text(self, stores: Stores) -> None:
        """A statement whose text depends on its values is refused before it runs."""
        ask = Statement(select(_SCOPE).where(_SCOPE.c.name.in_(bindparam("names", expanding=True))))
        with pytest.raises(TypeError), DriverConnection() as link:
            link.all(ask, {"names": ["a"]})
