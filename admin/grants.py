"""Live grants: listing them, and ending those that an operator selects.

A revocation stands whether or not its audit row can be stored, so it is committed first (decision 0019).
Many grants end in several transactions of a thousand each; one audit row tells how many ended in all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from admin.clients import find_client
from admin.operation import NothingMatches, OperationRefused, Services, UnclearSelection, require_one_way
from admin.people import PersonLookup
from models import Client, LiveGrant, Selection
from models import list_grants as read_grants
from telemetry import Actor

_ID_OCTETS = 19


class NoLiveGrant(NothingMatches):
    """No live grant is selected."""

    def __init__(self) -> None:
        super().__init__("No live grant matches.")


class NotAGrantId(OperationRefused):
    """A text cannot be the id of a grant."""

    def __init__(self) -> None:
        super().__init__("This is not the id of a grant. `flask grant list` shows the ids.")


class NothingSelected(UnclearSelection):
    """A revocation names no grant, person or client, and not everyone either; or it names both."""

    def __init__(self) -> None:
        super().__init__("Name at least one of --grant, --person and --client, or --everyone alone.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedGrants:
    """The newest live grants, and whether there are more than the limit."""

    grants: Sequence[LiveGrant]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RevocationPlan:
    """The grants that are about to end, for the operator to confirm, with the person and the client found.

    `count` is how many are live now.
    """

    selection: Selection
    count: int
    subject: str | None
    client: Client | None
    everyone: bool


def list_live_grants(
    services: Services, person: PersonLookup | None, client_name: str | None, *, limit: int
) -> ListedGrants:
    """List live grants, newest first.

    Args:
        services: what the use case works on.
        person: only grants of this person.
        client_name: only grants with this client, by its id or name.
        limit: how many grants to list.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        StoreUnavailable: the database did not answer.
    """
    selection = Selection(
        subjects=None if person is None else person.subjects,
        client_id=None if client_name is None else find_client(services, client_name).client_id,
    )
    grants, more = read_grants(selection, services.now, limit=limit)
    return ListedGrants(grants=grants, more=more)


def require_selection(*named: str | None, everyone: bool) -> None:
    """Refuse a revocation that names nothing: a slip must not log the whole campus out.

    Args:
        named: the grant, the person and the client, as far as they are given.
        everyone: whether the operator means every grant.

    Raises:
        NothingSelected: nothing is named, or something beside everyone.
    """
    require_one_way(NothingSelected, any(each is not None for each in named), everyone)


def plan_revocation(
    services: Services,
    *,
    grant_id: str | None = None,
    person: PersonLookup | None = None,
    client_name: str | None = None,
    before: int | None = None,
    everyone: bool = False,
) -> RevocationPlan:
    """Find what a revocation means, so that an operator can confirm it before `revoke_grants` ends it.

    Args:
        services: what the use case works on.
        grant_id: one grant, by its id in hexadecimal.
        person: the grants of this person.
        client_name: the grants with this client, by its id or name.
        before: only grants whose login was before, in seconds since the epoch.
        everyone: every grant.

    Raises:
        NothingSelected: as `require_selection`.
        AmbiguousPerson: the name means several people.
        UnknownClient, AmbiguousClient: as `find_client`.
        NotAGrantId: `grant_id` cannot be one.
        NoLiveGrant: no live grant is selected.
        StoreUnavailable: the database did not answer.
    """
    require_selection(grant_id, None if person is None else person.person, client_name, everyone=everyone)
    subject = None if person is None else person.only_subject()
    client = None if client_name is None else find_client(services, client_name)
    selection = Selection(
        grant_id=None if grant_id is None else _grant_key(grant_id),
        subjects=None if person is None else [subject] if subject else [],
        client_id=client.client_id if client else None,
        before=before,
    )
    if not (count := services.count_grants(selection)):
        raise NoLiveGrant
    return RevocationPlan(selection=selection, count=count, subject=subject, client=client, everyone=everyone)


def revoke_grants(services: Services, revocation: RevocationPlan, *, actor: Actor) -> int:
    """End the live grants that were selected, with every token of theirs. Returns how many ended.

    A JWT is inactive here at once; an API that checks only its signature takes it until it expires.

    Args:
        services: what the use case works on.
        revocation: from `plan_revocation`.
        actor: who ends them, for the audit.

    Raises:
        StoreUnavailable: grants that did not end yet end at the next call.
    """
    selection = revocation.selection
    reasons = ["everyone"] if revocation.everyone else []
    if selection.before is not None:
        reasons.append(f"before {_utc(selection.before)}")
    event = services.event(
        "grant.revoked",
        actor,
        ", ".join(reasons) or None,
        client_id=selection.client_id,
        subject=revocation.subject,
        grant_id=selection.grant_id.hex() if selection.grant_id else None,
    )
    return services.end_grants(selection, event)


def _utc(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _grant_key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _ID_OCTETS:
        raise NotAGrantId
    return key
