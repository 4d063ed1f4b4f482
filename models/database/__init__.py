"""Connections to the database, and statements without SQLAlchemy's overhead.

`engine.py` sets up the engine; `pool.py` is its pool. `driver.py` compiles and runs the statements of the hot
path. `bounded.py` bounds waits for PostgreSQL, and `breaker.py` is the circuit breaker for a silent one.
`url.py` judges the database's URL; `server_clock.py` is the clock of all decisions.

Owns: the engine, its pool, timeouts, the circuit breaker, compiled statements, and the database's clock. Must
not know: tables. Start reading at `engine.py`.
"""

from typing import TYPE_CHECKING

from core.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from models.database.bounded import bound_waits

__all__ = ["bound_waits"]

if not TYPE_CHECKING:
    # PostgreSQL's driver is imported only for a database of PostgreSQL.
    __getattr__ = lazy_exports(__name__, {"bounded": ("bound_waits",)})
