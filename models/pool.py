"""The pool of connections: SQLAlchemy's own, with a short way in and out of it for the hot path.

Owns: that who takes a connection here and who takes one through SQLAlchemy share the same few, under the same
bound. Must not know: what is done with one.
"""

from typing import cast

from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.pool.base import _ConnectionRecord


class ShortPool(QueuePool):
    """SQLAlchemy's pool, whose proxies and events cost more than a look-up where nobody needs them.

    Whoever takes a connection gives it back, whatever happened: no proxy does so for them.
    """

    def take(self) -> ConnectionPoolEntry:
        """Take a connection that is open, as far as anybody knows.

        Raises:
            SQLAlchemyError: none came free in time, or as the dialect says it of a new one.
            Exception: the driver's own error, where no new one could be opened.
        """
        entry = self._do_get()
        try:
            cast("_ConnectionRecord", entry).get_connection()
        except BaseException:
            self.give(entry)
            raise
        return entry

    def give(self, entry: ConnectionPoolEntry) -> None:
        """Give a connection back, with no transaction on it; or one that is invalid, to be opened anew."""
        self._do_return_conn(entry)
