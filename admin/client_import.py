"""Importing the clients of another server with their own ids and secrets, so that no program must change."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from admin.clients import offer
from admin.operation import OperationRefused, Services
from admin.scopes import undescribed_scopes
from models import ClientsExist, ImportedClient, refuse_taken
from models import import_clients as store_clients
from oauth.clients.importing import ImportRefused, read_clients
from oauth.clients.registration import needs_encoding_in_basic
from telemetry import Actor

# How many mistakes, or registered clients, are named: more would scroll the first ones away.
_MAX_NAMED = 20


class ImportRejected(OperationRefused):
    """The list cannot be imported: one sentence for each mistake. Nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedClients:
    """The ids of the imported clients; scopes without a description.

    `weak` are the ids of clients with weak secrets. `with_colon` are the ids that a Basic header cannot carry
    raw.
    """

    client_ids: Sequence[str]
    weak: Sequence[str]
    with_colon: Sequence[str]
    undescribed_scopes: Sequence[str]


def import_clients(
    services: Services,
    text: str,
    *,
    ignored: Collection[str] = (),
    dry_run: bool = False,
    actor: Actor,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ImportedClients:
    """Register the clients of a list, all of them with their audit rows in one transaction.

    Args:
        services: what the use case works on.
        text: the list, as `read_clients` takes it.
        ignored: members that the operator has decided to do without.
        dry_run: only check the list: nothing is stored.
        actor: who imports them, for the audit.
        progress: is called with how many clients are stored, and how many there are.

    Raises:
        ImportRejected: the list has mistakes, or a client is registered already.
        StoreUnavailable: nothing was stored.
    """
    try:
        clients = read_clients(text, offer(services), ignored)
        if dry_run:
            refuse_taken([each.client_id for each in clients])
        else:
            _store(services, clients, actor, progress)
    except ImportRefused as refused:
        raise ImportRejected(*_first(refused.sentences, "mistakes"), "Nothing was imported.") from None
    except ClientsExist as taken:
        names = ", ".join(_first(taken.client_ids, "clients"))
        raise ImportRejected(f"Registered already: {names}. Nothing was imported.") from None
    return _summary(clients)


def _store(
    services: Services,
    clients: Sequence[ImportedClient],
    actor: Actor,
    progress: Callable[[int, int], None],
) -> None:
    hasher, total = services.clients.hasher, len(clients)
    store_clients(clients, hasher, services.now, actor=actor, stored=lambda done: progress(done, total))
    services.tell(services.event("client.imported", actor, f"{total} imported"))


def _summary(clients: Sequence[ImportedClient]) -> ImportedClients:
    with_colon = [each for each in clients if needs_encoding_in_basic(each.client_id, each.registration)]
    return ImportedClients(
        client_ids=[each.client_id for each in clients],
        weak=[each.client_id for each in clients if each.is_weak],
        with_colon=[each.client_id for each in with_colon],
        undescribed_scopes=undescribed_scopes(*(each.registration.scope for each in clients)),
    )


def _first(found: Sequence[str], noun: str) -> Sequence[str]:
    """The first of many, and how many more there are."""
    more = len(found) - _MAX_NAMED
    return [*found[:_MAX_NAMED], f"and {more:,} more {noun}"] if more > 0 else found
