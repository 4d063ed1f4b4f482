"""Tokens: ending one, and deleting those that have expired."""

import time
from collections.abc import Callable

from admin.operation import NothingMatches, OperationRefused, Services
from models import AppPasswordStore, Batch, end_event, forget_addresses, purge, purge_audit, roll_up
from oauth import ACCESS, REFRESH, key_of
from telemetry import Actor

_DAY = 86_400


class NotAToken(OperationRefused):
    """The text is not a token of this server. It is never repeated, for it may be somebody's secret."""

    def __init__(self) -> None:
        super().__init__("This is not a token of this server.")


class NoSuchToken(NothingMatches):
    """The token has expired, was ended, or was never issued."""

    def __init__(self) -> None:
        super().__init__("No such token lives: nothing was revoked.")


def revoke_token(services: Services, presented: str, *, actor: Actor) -> None:
    """End a token: an access token alone, a refresh token with its whole grant (RFC 7009, 2.1).

    As every revocation it stands whether or not its audit row can be stored.

    Args:
        services: what the use case works on.
        presented: the token.
        actor: who ends it, for the audit.

    Raises:
        NotAToken: the text cannot be a token of ours.
        NoSuchToken: no such token lives.
        StoreUnavailable: it was not stored.
    """
    event = services.event("token.revoked", actor)
    if key := key_of(ACCESS, presented):
        ended = services.grants.revoke_access_token(key, event)
    elif key := key_of(REFRESH, presented):
        ended = services.grants.revoke_refresh_token(key, event)
    else:
        raise NotAToken
    if not ended:
        raise NoSuchToken
    services.tell(event)


class Purging:
    """Counts the rows of each batch, reports progress, and rests so that other writers have their turn."""

    def __init__(
        self, rest: float, report: Callable[[str], None], *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Begin with no rows.

        Args:
            rest: how many times as long as its own work each batch rests.
            report: takes the progress, one line a call.
            sleep: waits for a number of seconds.
        """
        self.counts: dict[str, int] = {}
        self._rest, self._report, self._sleep = rest, report, sleep

    def __call__(self, batch: Batch) -> None:
        """Count a batch, and rest unless no other connection writes."""
        self.counts[batch.table] = self.counts.get(batch.table, 0) + batch.rows
        self._report(
            f"{batch.table}: {self.counts[batch.table]:,} rows, {sum(self.counts.values()):,} in all"
        )
        if not batch.is_alone:
            self._sleep(self._rest * batch.seconds)


def purge_expired(services: Services, purging: Purging, *, batch: int) -> None:
    """Delete expired tokens and grants, old failures, and audit rows past their retention.

    Before that, app passwords that are due end, and audit rows are counted as usage. The addresses in the
    usage go with the audit rows. Each batch is one transaction. An interrupted purge leaves whole batches
    deleted; the next call goes on.

    Args:
        services: what the use case works on.
        purging: counts what was deleted.
        batch: rows a transaction.

    Raises:
        StoreUnavailable: the rest is deleted at the next call.
    """
    now = services.now
    audited_since = now - services.settings.audit_retention * _DAY
    for ended in AppPasswordStore(services.clock).end_due(now):
        services.tell(end_event(ended, now))
    roll_up(now)
    purge(now, batch=batch, after=purging)
    purge_audit(audited_since, batch=batch, after=purging)
    forget_addresses(audited_since)
    purging.counts.setdefault("audit_event", 0)
