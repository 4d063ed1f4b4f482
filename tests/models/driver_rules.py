"""Every database behaves in the same way through `DriverConnection`, the hot path to it."""

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
    """The number of scopes."""
    with DriverConnection(alone=True) as link:
        found = link.first(_COUNT, {})
    assert found is not None
    return int(found["many"])


def break_off(error: type[BaseException], *, alone: bool = False) -> None:
    """Store a scope, and raise before the commit."""
    with DriverConnection(alone=alone) as link:
        link.run(_INSERT, ROW)
        raise error


class DriverRules:
    """`DriverConnection`: SQLAlchemy's pool, the driver's own execution."""

    def test_committed_rows_are_stored(self, stores: Stores) -> None:
        """A commit stores the rows of all statements before it."""
        with DriverConnection() as link:
            assert link.run(_INSERT, ROW) == 1
            link.commit()
        assert stores.rows("scope") == [ROW]

    def test_uncommitted_rows_are_rolled_back(self, stores: Stores) -> None:
        """Without a commit, and after any error, nothing is stored."""
        with DriverConnection() as link:
            link.run(_INSERT, ROW)
        assert many() == 0
        with pytest.raises(KeyError):
            break_off(KeyError)
        assert many() == 0

    def test_connection_leaves_autocommit_when_it_returns_to_the_pool(self, stores: Stores) -> None:
        """A connection that ran in autocommit has transactions again for its next user."""
        stores.engine.dispose()
        assert many() == 0
        with connection() as link:
            link.execute(text("DELETE FROM scope"))
            link.execute(insert(_SCOPE), ROW)
        assert many() == 0

    def test_interrupted_work_ends_its_connection(self, stores: Stores) -> None:
        """An interrupted unit of work invalidates its connection, because its state is unknown."""
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

    def test_lost_connection_costs_one_refusal(self, stores: Stores) -> None:
        """A connection that the driver has closed causes one refusal, and is replaced."""
        for alone in (True, False):
            with connection() as kept:
                idle = kept.connection.driver_connection
            assert idle is not None
            idle.close()
            with pytest.raises(StoreUnavailable), DriverConnection(alone=alone) as link:
                link.first(_COUNT, {})
            assert many() == 0
            assert "Current Checked out connections: 0" in stores.engine.pool.status()

    def test_values_are_read_back_by_column_name(self, stores: Stores) -> None:
        """Values are read back unchanged, by the names of their columns."""
        with DriverConnection() as link:
            link.run_each(_INSERT, [{**ROW, "name": name} for name in ("b", "c")])
            link.commit()
        ask = Statement(select(_SCOPE).where(_SCOPE.c.name == bindparam("of_name")))
        with DriverConnection(alone=True) as link:
            assert link.all(ask, {"of_name": "b"}) == [{**ROW, "name": "b"}]
            assert link.first(ask, {"of_name": "a"}) is None

    def test_statement_whose_sql_depends_on_its_values_is_refused(self, stores: Stores) -> None:
        """Such a statement is refused before it runs."""
        ask = Statement(select(_SCOPE).where(_SCOPE.c.name.in_(bindparam("names", expanding=True))))
        with pytest.raises(TypeError), DriverConnection() as link:
            link.all(ask, {"names": ["a"]})
