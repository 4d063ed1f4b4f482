"""The registry of scopes: the name, description and rules of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from models.base import connection, rows_changed, table
from models.tables import AuditEventRow, ScopeRow
from telemetry import AuditEvent

_SCOPE = table(ScopeRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
_SELECT = select(_SCOPE)


@dataclass(frozen=True, slots=True)
class Scope:
    """A registered scope. A user must have one of its `needs` (`group:DN`, `affiliation:NAME`), if any."""

    name: str
    description: str = ""
    needs: Sequence[str] = ()


class ScopeExists(Exception):
    """A scope of this name is already registered."""


class ScopeStore:
    """The registered scopes in the database. Each change and its audit row are one transaction."""

    def list(self) -> Sequence[Scope]:
        """Every scope by name.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        with connection() as link:
            found = [_scope(row) for row in link.execute(_SELECT)]
        # Databases sort texts differently.
        return sorted(found, key=lambda scope: scope.name)

    def create(self, scope: Scope, event: AuditEvent) -> None:
        """Register a scope.

        Args:
            scope: the scope.
            event: the audit row.

        Raises:
            ScopeExists: the name is taken; nothing was changed.
            StoreUnavailable: nothing was stored.
        """
        with connection() as link:
            try:
                link.execute(insert(_SCOPE), _row(scope))
            except IntegrityError:
                raise ScopeExists(scope.name) from None
            link.execute(_INSERT_AUDIT, dict(event.fields()))
            link.commit()

    def update(self, name: str, changes: Mapping[str, Any], event: AuditEvent) -> Scope:
        """Change the given members of a scope. A concurrent change of other members is kept.

        Args:
            name: which scope.
            changes: new values by the field names of `Scope`.
            event: the audit row.

        Returns:
            The scope as it is stored.

        Raises:
            KeyError: there is none.
            StoreUnavailable: nothing was changed.
        """
        chosen = _SCOPE.c.name == name
        # Setting the name to itself lets an empty change find the row as well.
        row = _row(replace(Scope(name), **changes))
        values = {"name": name, **{each: row[each] for each in changes}}
        with connection() as link:
            if rows_changed(link.execute(update(_SCOPE).where(chosen).values(**values))) != 1:
                raise KeyError(name)
            link.execute(_INSERT_AUDIT, dict(event.fields()))
            stored = _scope(link.execute(_SELECT.where(chosen)).one())
            link.commit()
        return stored

    def delete(self, name: str, event: AuditEvent) -> Scope:
        """Delete a scope and its rules.

        Args:
            name: which scope.
            event: the audit row.

        Returns:
            The scope as it was.

        Raises:
            KeyError: there is none.
            StoreUnavailable: nothing was changed.
        """
        chosen = _SCOPE.c.name == name
        with connection() as link:
            before = link.execute(_SELECT.where(chosen)).one_or_none()
            if before is None or rows_changed(link.execute(delete(_SCOPE).where(chosen))) != 1:
                raise KeyError(name)
            link.execute(_INSERT_AUDIT, dict(event.fields()))
            link.commit()
        return _scope(before)


def _scope(row: Any) -> Scope:
    return Scope(row.name, row.description, tuple(row.needs))


def _row(scope: Scope) -> dict[str, object]:
    return {"name": scope.name, "description": scope.description, "needs": list(scope.needs)}
