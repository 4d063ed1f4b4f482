"""Questions to the audit table."""

from collections.abc import Sequence
from dataclasses import dataclass

from admin.clients import find_client
from admin.operation import Services
from admin.people import PersonLookup
from models import AuditSelection, ListedEvent
from models import list_events as read_events

_WEEK = 7 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEvents:
    """The newest audit events that match, and whether there are more than the limit."""

    events: Sequence[ListedEvent]
    more: bool


def list_audit_events(
    services: Services,
    *,
    person: PersonLookup | None = None,
    client_name: str | None = None,
    event: str | None = None,
    login_name: str | None = None,
    request_id: str | None = None,
    since: int | None = None,
    until: int | None = None,
    limit: int,
) -> ListedEvents:
    """List audit events, newest first.

    Args:
        services: what the use case works on.
        person: events of this person.
        client_name: events of this client, by its id or name.
        event: events of this name; `token.*` means each name that begins so.
        login_name: events of this login name, which no entry has.
        request_id: events of this request, by the id that its answer had.
        since: from then on, in seconds since the epoch (default: a week before `until`, or a week ago).
        until: before then, in seconds since the epoch.
        limit: how many events to list.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        StoreUnavailable: the database did not answer.
    """
    selection = AuditSelection(
        since=(services.now if until is None else until) - _WEEK if since is None else since,
        until=until,
        subjects=None if person is None else _subjects(person),
        client_id=None if client_name is None else find_client(services, client_name).client_id,
        event=event,
        request_id=request_id,
        name_digest=None if login_name is None else services.audit_names.digest(login_name).hex(),
    )
    events, more = read_events(selection, limit=limit)
    return ListedEvents(events=events, more=more)


def _subjects(person: PersonLookup) -> Sequence[str]:
    # A person who never had a grant is in the table by the stable id alone.
    return [*person.subjects, person.person]
