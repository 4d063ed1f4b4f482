"""Changing clients' policies of the password grant, step by step, and undoing the last step.

Owns: that a policy, the step that led to it and its audit rows are stored together, and that no step is built
on a policy that somebody has changed meanwhile. Must not know: which policies make sense.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, func, insert, select, update

from models.base import connection, rows_changed, table
from models.clients.client import ClientCache
from models.clients.password_grant import PasswordGrantPolicy
from models.password_grant_tables import PasswordGrantStepRow
from models.tables import AuditEventRow, ClientRow
from telemetry import Actor, AuditEvent

_CLIENT, _STEP = table(ClientRow), table(PasswordGrantStepRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
_INSERT_STEP = insert(_STEP).inline()


class PasswordGrantStep(NamedTuple):
    """One change of a client's policy. Times are seconds since the epoch."""

    id: int
    client_id: str
    batch: bytes
    at: int
    actor: str
    actor_reason: str | None
    before: PasswordGrantPolicy
    after: PasswordGrantPolicy
    undone_at: int | None


_COLUMNS = tuple(_STEP.c[name] for name in PasswordGrantStep._fields)


class PolicyChangedMeanwhile(Exception):
    """Somebody else has changed the policies of some clients. Nothing was stored."""

    def __init__(self, client_ids: Sequence[str]) -> None:
        super().__init__(", ".join(client_ids))
        self.client_ids = client_ids


class PasswordGrantPolicyStore:
    """The policies in the database. A change empties the cache of clients of this process."""

    def __init__(self, clock: Callable[[], float], recent: ClientCache | None = None) -> None:
        """Open the store.

        Args:
            clock: seconds since the epoch.
            recent: the cache of clients, `ClientStore.recent`.
        """
        self._clock = clock
        self._recent = recent

    def apply(
        self,
        policies: Mapping[str, PasswordGrantPolicy],
        batch: bytes,
        actor: Actor,
        events: Iterable[AuditEvent],
        *,
        before: Mapping[str, PasswordGrantPolicy] | None = None,
    ) -> None:
        """Give clients new policies: their rows, a step for each, and the audit rows in one transaction.

        A client whose policy is the new one already gets no step.

        Args:
            policies: the new policy of each client, by its id.
            batch: 16 random octets, the name of this change.
            actor: who makes it, and why.
            events: its audit rows.
            before: the policies that the new ones were made from, by client.

        Raises:
            KeyError: there is no such client; nothing was stored.
            PolicyChangedMeanwhile: a policy is not that of `before` any more; nothing was stored.
            StoreUnavailable: nothing was stored.
        """
        now = int(self._clock())
        with connection() as link:
            stored = {each: _locked(link, each) for each in sorted(policies)}
            if before is not None:
                _refuse_changed(stored, before)
            for client_id, policy in policies.items():
                if stored[client_id] != policy:
                    change = {"before": stored[client_id].json(), "after": policy.json()}
                    named = {"client_id": client_id, "batch": batch, "at": now, "undone_at": None}
                    link.execute(_INSERT_STEP, {**named, **change, **actor.fields()})
                    _write(link, client_id, policy)
            _audit(link, events)
            link.commit()
        self._forget()

    def undo(
        self, client_id: str, actor: Actor, event: AuditEvent, *, step_id: int | None = None
    ) -> PasswordGrantPolicy | None:
        """Undo the last step of a client that was not undone.

        Args:
            client_id: the client.
            actor: who undoes it, and why.
            event: the audit row; it gets the client and the actor.
            step_id: the step that the caller takes for the last one, if it has looked.

        Returns:
            The policy that counts again; None if there is no step to undo.

        Raises:
            KeyError: there is no such client.
            PolicyChangedMeanwhile: the policy is not that of the last step, or that is not `step_id`; nothing
                was changed.
            StoreUnavailable: nothing was changed.
        """
        with connection() as link:
            undone = self._undo(link, client_id, actor, event, step_id=step_id)
            link.commit()
        self._forget()
        return undone

    def undo_batch(self, batch: bytes, actor: Actor, event: AuditEvent) -> dict[str, PasswordGrantPolicy]:
        """Undo the steps of one change, in one transaction. A client with a later step keeps its policy.

        Args:
            batch: the name of the change.
            actor: who undoes it, and why.
            event: the audit row of each client.

        Returns:
            The policies that count again, by client.

        Raises:
            PolicyChangedMeanwhile: the policy of a client is not that of its last step; nothing was changed.
            StoreUnavailable: nothing was changed.
        """
        open_steps = select(_STEP.c.client_id).where(_STEP.c.batch == batch, _STEP.c.undone_at.is_(None))
        with connection() as link:
            ids = sorted(set(link.scalars(open_steps)))
        found: dict[str, PasswordGrantPolicy] = {}
        with connection() as link:
            for client_id in ids:
                undone = self._undo(link, client_id, actor, event, only_batch=batch)
                if undone is not None:
                    found[client_id] = undone
            link.commit()
        self._forget()
        return found

    def steps(self, client_id: str | None, limit: int) -> list[PasswordGrantStep]:
        """The last steps of a client, or of all clients, the newest first.

        Args:
            client_id: the client; None for all.
            limit: how many.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        newest = select(*_COLUMNS).order_by(_STEP.c.id.desc()).limit(limit)
        if client_id is not None:
            newest = newest.where(_STEP.c.client_id == client_id)
        with connection() as link:
            return [_of_row(row) for row in link.execute(newest)]

    def last_steps(self) -> dict[str, PasswordGrantStep]:
        """The last step of each client that was not undone, by client, in one query.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        newest = select(func.max(_STEP.c.id)).where(_STEP.c.undone_at.is_(None)).group_by(_STEP.c.client_id)
        with connection() as link:
            steps = [_of_row(row) for row in link.execute(select(*_COLUMNS).where(_STEP.c.id.in_(newest)))]
        return {step.client_id: step for step in steps}

    def last_batch(self) -> bytes | None:
        """The name of the last change of which a step was not undone; None if there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        newest = select(_STEP.c.batch).where(_STEP.c.undone_at.is_(None)).order_by(_STEP.c.id.desc())
        with connection() as link:
            found: bytes | None = link.scalar(newest.limit(1))
        return found

    def _undo(
        self,
        link: Connection,
        client_id: str,
        actor: Actor,
        event: AuditEvent,
        *,
        only_batch: bytes | None = None,
        step_id: int | None = None,
    ) -> PasswordGrantPolicy | None:
        stored = _locked(link, client_id)
        last = select(*_COLUMNS).where(_STEP.c.client_id == client_id, _STEP.c.undone_at.is_(None))
        row = link.execute(last.order_by(_STEP.c.id.desc()).limit(1)).one_or_none()
        if step_id is not None and (row is None or row.id != step_id):
            raise PolicyChangedMeanwhile([client_id])
        if row is None or only_batch not in {None, row.batch}:
            return None
        step = _of_row(row)
        if stored != step.after:
            raise PolicyChangedMeanwhile([client_id])
        now = int(self._clock())
        link.execute(update(_STEP).where(_STEP.c.id == step.id).values(undone_at=now))
        _write(link, client_id, step.before)
        _audit(link, [replace(event, client_id=client_id, **actor.fields())])
        return step.before

    def _forget(self) -> None:
        if self._recent is not None:
            self._recent.forget()


def _locked(link: Connection, client_id: str) -> PasswordGrantPolicy:
    """The stored policy of a client, whose row is locked until the transaction ends.

    Raises:
        KeyError: there is no such client.
    """
    own = _CLIENT.c.client_id == client_id
    # A write locks on every database: the row on PostgreSQL, the file on SQLite.
    hold = update(_CLIENT).where(own).values(client_id=_CLIENT.c.client_id)
    # Drivers refuse a NUL and a lone surrogate.
    if not client_id.isprintable() or rows_changed(link.execute(hold)) != 1:
        raise KeyError(client_id)
    return PasswordGrantPolicy.from_json(link.scalar(select(_CLIENT.c.password_grant).where(own)))


def _refuse_changed(
    stored: Mapping[str, PasswordGrantPolicy], before: Mapping[str, PasswordGrantPolicy]
) -> None:
    changed = [each for each, policy in stored.items() if each in before and before[each] != policy]
    if changed:
        raise PolicyChangedMeanwhile(changed)


def _of_row(row: Row[Any]) -> PasswordGrantStep:
    step = PasswordGrantStep._make(row)
    return step._replace(
        before=PasswordGrantPolicy.from_json(row.before), after=PasswordGrantPolicy.from_json(row.after)
    )


def _write(link: Connection, client_id: str, policy: PasswordGrantPolicy) -> None:
    own = _CLIENT.c.client_id == client_id
    link.execute(update(_CLIENT).where(own).values(password_grant=policy.json()))


def _audit(link: Connection, events: Iterable[AuditEvent]) -> None:
    rows = [dict(event.fields()) for event in events]
    if rows:
        link.execute(_INSERT_AUDIT, rows)
