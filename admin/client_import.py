"""Importing the clients of another server with their own ids and secrets, so that no program must change."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from admin.operation import OperationRefused, Services
from admin.scopes import undescribed_scopes
from models import ClientsExist
from models import import_clients as store_clients
from oauth.clients.importing import ImportRefused, read_clients
from telemetry import Actor


class ImportRejected(OperationRefused):
    """The list cannot be imported: one sentence for each mistake. Nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedClients:
    """The ids of the imported clients and of those with weak secrets; scopes without a description."""

    client_ids: Sequence[str]
    weak: Sequence[str]
    undescribed_scopes: Sequence[str]


def import_clients(
    services: Services, text: str, *, ignored: Collection[str] = (), actor: Actor
) -> ImportedClients:
    """Register the clients of a list, all of them with their audit rows in one transaction.

    Args:
        services: what the use case works on.
        text: the list, as `read_clients` takes it.
        ignored: members that the operator has decided to do without.
        actor: who imports them, for the audit.

    Raises:
        ImportRejected: the list has mistakes, or a client is registered already.
        StoreUnavailable: nothing was stored.
    """
    try:
        clients = read_clients(text, services.client_auth.methods, ignored)
        store_clients(clients, services.clients.hasher, services.now, actor=actor)
    except ImportRefused as refused:
        raise ImportRejected(*refused.sentences, "Nothing was imported.") from None
    except ClientsExist as taken:
        raise ImportRejected(f"Registered already: {taken}. Nothing was imported.") from None
    services.tell(services.event("client.imported", actor, f"{len(clients)} imported"))
    return ImportedClients(
        client_ids=[each.client_id for each in clients],
        weak=[each.client_id for each in clients if each.is_weak],
        undescribed_scopes=undescribed_scopes(*(each.registration.scope for each in clients)),
    )
