"""Importing the clients of another server with their own ids and secrets, so that no program must change."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from admin.clients import offer
from admin.operation import OperationRefused, Services
from admin.scopes import undescribed_scopes
from models import ClientsExist
from models import import_clients as store_clients
from oauth.clients.importing import ImportRefused, read_clients
from oauth.clients.registration import needs_encoding_in_basic
from telemetry import Actor


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
        clients = read_clients(text, offer(services), ignored)
        store_clients(clients, services.clients.hasher, services.now, actor=actor)
    except ImportRefused as refused:
        raise ImportRejected(*refused.sentences, "Nothing was imported.") from None
    except ClientsExist as taken:
        raise ImportRejected(f"Registered already: {taken}. Nothing was imported.") from None
    services.tell(services.event("client.imported", actor, f"{len(clients)} imported"))
    return ImportedClients(
        client_ids=[each.client_id for each in clients],
        weak=[each.client_id for each in clients if each.is_weak],
        with_colon=[
            each.client_id for each in clients if needs_encoding_in_basic(each.client_id, each.registration)
        ],
        undescribed_scopes=undescribed_scopes(*(each.registration.scope for each in clients)),
    )
