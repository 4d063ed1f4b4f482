"""Changing clients' policies of the password grant, step by step, and undoing the last step.

Owns: that a policy, the step that led to it and its audit rows are stored together, and that no step is built
on a policy that somebody has changed meanwhile. Must not know: which policies make sense.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update

from models.base import connection, table
from models.clients.client import ClientCache
from models.clients.password_grant import PasswordGrantPolicy
from models.password_grant_tables import PasswordGrantStepRow
from models.tables import AuditEventRow, ClientRow
from telemetry import REASON_LENGTH, Actor, AuditEvent

_CLIENT, _STEP = table(ClientRow), table(PasswordGrantStepRow)
_INSERT_AUDIT = insert(table(AuditEventRow)).inline()
_INSERT_STEP = insert(_STEP).inline()
_SET_POLICY = (
    update(_CLIENT)
    .where(_CLIENT.c.client_id == bindparam("of_client"))
    .values(password_grant=bindparam("policy"))
)
_UNDO_STEP = update(_STEP).where(_STEP.c.id == bindparam("step")).values(undone_at=bindparam("at_time"))
# Ids a statement.
_BATCH = 500


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
            stored = _locked(link, policies)
            if before is not None:
                _refuse_changed(stored, before)
            new = {each: policy for each, policy in policies.items() if stored[each] != policy}
            every: dict[str, Any] = {"batch": batch, "at": now, "undone_at": None, **actor.fields()}
            _add_steps(link, stored, new, every)
            _write(link, new)
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
            stored = _locked(link, [client_id])
            last = _last_steps(link, [client_id]).get(client_id)
            if step_id is not None and (last is None or last.id != step_id):
                raise PolicyChangedMeanwhile([client_id])
            of_client = replace(event, client_id=client_id, **actor.fields())
            undone = self._take_back(link, {} if last is None else {last: of_client}, stored)
            link.commit()
        self._forget()
        return undone.get(client_id)

    def undo_batch(
        self,
        batch: bytes,
        actor: Actor,
        event: AuditEvent,
        *,
        reason_of: Callable[[PasswordGrantStep], str | None] = lambda _: None,
    ) -> dict[str, PasswordGrantPolicy]:
        """Undo the steps of one change, in one transaction. A client with a later step keeps its policy.

        Args:
            batch: the name of the change.
            actor: who undoes it, and why.
            event: the audit row of each client.
            reason_of: gives the reason in the audit row of a step that is undone; None for that of `event`.

        Returns:
            The policies that count again, by client.

        Raises:
            PolicyChangedMeanwhile: the policy of a client is not that of its last step; nothing was changed.
            StoreUnavailable: nothing was changed.
        """

        def audited(step: PasswordGrantStep) -> AuditEvent:
            reason = (reason_of(step) or event.reason or "")[:REASON_LENGTH] or None
            return replace(event, client_id=step.client_id, reason=reason, **actor.fields())

        open_steps = select(_STEP.c.client_id).where(_STEP.c.batch == batch, _STEP.c.undone_at.is_(None))
        with connection() as link:
            ids = list(link.scalars(open_steps))
        with connection() as link:
            stored = _locked(link, ids)
            last = [each for each in _last_steps(link, ids).values() if each.batch == batch]
            found = self._take_back(link, {each: audited(each) for each in last}, stored)
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
        with connection() as link:
            return _last_steps(link, None)

    def last_batch(self) -> bytes | None:
        """The name of the last change of which a step was not undone; None if there is none.

        Raises:
            StoreUnavailable: the database cannot say.
        """
        newest = select(_STEP.c.batch).where(_STEP.c.undone_at.is_(None)).order_by(_STEP.c.id.desc())
        with connection() as link:
            found: bytes | None = link.scalar(newest.limit(1))
        return found

    def _take_back(
        self,
        link: Connection,
        events: Mapping[PasswordGrantStep, AuditEvent],
        stored: Mapping[str, PasswordGrantPolicy],
    ) -> dict[str, PasswordGrantPolicy]:
        """Undo the last steps of locked clients, each with its audit row; `stored` are the clients' policies.

        Raises:
            PolicyChangedMeanwhile: a policy is not that of the client's step.
        """
        _refuse_changed(stored, {each.client_id: each.after for each in events})
        now = int(self._clock())
        if events:
            link.execute(_UNDO_STEP, [{"step": each.id, "at_time": now} for each in events])
        restored = {each.client_id: each.before for each in events}
        _write(link, restored)
        _audit(link, events.values())
        return restored

    def _forget(self) -> None:
        if self._recent is not None:
            self._recent.forget()


def _locked(link: Connection, client_ids: Collection[str]) -> dict[str, PasswordGrantPolicy]:
    """The stored policies of clients, whose rows are locked until the transaction ends.

    A step for all clients holds these locks while it is stored, so it sends few statements. The rows are
    locked in the order of their ids, so that two steps do not wait for each other.

    Raises:
        KeyError: a client does not exist.
    """
    found: dict[str, PasswordGrantPolicy] = {}
    # Drivers refuse a NUL and a lone surrogate.
    ids = sorted(each for each in set(client_ids) if each.isprintable())
    if ids:
        # SQLite locks its file at the first write, and knows no lock of a row.
        own = _CLIENT.c.client_id == ids[0]
        link.execute(update(_CLIENT).where(own).values(client_id=_CLIENT.c.client_id))
    for part in _parts(ids):
        chosen = select(_CLIENT.c.client_id, _CLIENT.c.password_grant).where(_CLIENT.c.client_id.in_(part))
        for row in link.execute(chosen.order_by(_CLIENT.c.client_id).with_for_update(key_share=True)):
            found[row.client_id] = PasswordGrantPolicy.from_json(row.password_grant)
    if missing := [each for each in client_ids if each not in found]:
        raise KeyError(missing[0])
    return found


def _last_steps(link: Connection, client_ids: Sequence[str] | None) -> dict[str, PasswordGrantStep]:
    """The last steps of clients that were not undone, or those of all clients, by client."""
    newest = select(func.max(_STEP.c.id)).where(_STEP.c.undone_at.is_(None)).group_by(_STEP.c.client_id)
    every = select(*_COLUMNS)
    if client_ids is None:
        statements = [every.where(_STEP.c.id.in_(newest))]
    else:
        parts = _parts(client_ids)
        statements = [
            every.where(_STEP.c.id.in_(newest.where(_STEP.c.client_id.in_(part)))) for part in parts
        ]
    steps = [_of_row(row) for statement in statements for row in link.execute(statement)]
    return {step.client_id: step for step in steps}


def _add_steps(
    link: Connection,
    before: Mapping[str, PasswordGrantPolicy],
    after: Mapping[str, PasswordGrantPolicy],
    every: Mapping[str, Any],
) -> None:
    """Store a step for each policy of `after`; `every` has the columns that they share."""
    steps = [
        {"client_id": each, "before": before[each].json(), "after": policy.json(), **every}
        for each, policy in after.items()
    ]
    if steps:
        link.execute(_INSERT_STEP, steps)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(ids), _BATCH):
        yield ids[first : first + _BATCH]


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


def _write(link: Connection, policies: Mapping[str, PasswordGrantPolicy]) -> None:
    rows = [{"of_client": each, "policy": policy.json()} for each, policy in policies.items()]
    if rows:
        link.execute(_SET_POLICY, rows)


def _audit(link: Connection, events: Iterable[AuditEvent]) -> None:
    rows = [dict(event.fields()) for event in events]
    if rows:
        link.execute(_INSERT_AUDIT, rows)
