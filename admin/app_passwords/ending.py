"""Live app passwords: listing them, and ending those that an operator selects, with every token they gave."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from admin.clients import find_client
from admin.operation import NothingMatches, OperationRefused, Services, UnclearSelection, require_one_way
from admin.people import PersonLookup
from models import AppPassword, AppPasswordStore
from models.tables import DEFAULT_DIRECTORY
from telemetry import Actor

ENDED = "app_password.ended"
_REASON = "operator"
_ID_OCTETS = 16
MAX_PLANNED = 100_000
"""The most app passwords that one plan has. After it, a revocation plans the rest."""


class NoLiveAppPassword(NothingMatches):
    """No live app password is selected."""

    def __init__(self) -> None:
        super().__init__("No live app password matches.")


class NotAnAppPasswordId(OperationRefused):
    """A text cannot be the id of an app password. It is not repeated: it may be the app password itself."""

    def __init__(self) -> None:
        super().__init__("This is not the id of an app password. `flask app-password list` shows the ids.")


class NoAppPasswordSelected(UnclearSelection):
    """A revocation names no app password, user or client, nor everyone; or it contradicts itself."""

    def __init__(self) -> None:
        super().__init__("Name an app password by its ID, or --person and --client, or --everyone alone.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedAppPasswords:
    """Live app passwords, the newest first, with the names of their clients; and whether there are more."""

    app_passwords: Sequence[AppPassword]
    client_names: Mapping[str, str]
    more: bool


def list_app_passwords(
    services: Services, person: PersonLookup | None, client_name: str | None, *, limit: int
) -> ListedAppPasswords:
    """List live app passwords, the newest first.

    Args:
        services: what the use case works on.
        person: only those of this person.
        client_name: only those for this client, by its id or name.
        limit: how many to list.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        StoreUnavailable: the database did not answer.
    """
    client_id = None if client_name is None else find_client(services, client_name).client_id
    subjects = None if person is None else person.subjects
    found, more = AppPasswordStore(services.clock).list_all(client_id, limit, subjects=subjects)
    names = {each.client_id: each.client_name for each in services.clients.list()}
    return ListedAppPasswords(app_passwords=found, client_names=names, more=more)


def require_app_password_selection(
    app_password_id: str | None, *others: str | None, everyone: bool = False
) -> None:
    """Refuse a revocation that names nothing, or one app password or everyone beside anything else.

    Args:
        app_password_id: one app password.
        others: the user and the client, as far as they are given.
        everyone: whether the operator means every app password.

    Raises:
        NoAppPasswordSelected: the selection is empty or contradicts itself.
    """
    is_any = any(each is not None for each in others)
    require_one_way(NoAppPasswordSelected, app_password_id is not None, is_any, everyone)


def plan_app_password_end(
    services: Services,
    *,
    app_password_id: str | None = None,
    person: PersonLookup | None = None,
    client_name: str | None = None,
    everyone: bool = False,
    is_rest: bool = False,
) -> Sequence[AppPassword]:
    """Find the app passwords that a revocation means, for a confirmation before `end_app_passwords`.

    Args:
        services: what the use case works on.
        app_password_id: one, by its id in hexadecimal.
        person: those of this person.
        client_name: those for this client, by its id or name.
        everyone: every app password, of which there may be none.
        is_rest: whether a plan before had `MAX_PLANNED` of them. There may be no more.

    Raises:
        NoAppPasswordSelected: as `require_app_password_selection`.
        AmbiguousPerson: the name means several people.
        UnknownClient, AmbiguousClient: as `find_client`.
        NotAnAppPasswordId: `app_password_id` cannot be one.
        NoLiveAppPassword: none is selected.
        StoreUnavailable: the database did not answer.
    """
    named = (None if person is None else person.person, client_name)
    require_app_password_selection(app_password_id, *named, everyone=everyone)
    if app_password_id is not None:
        one = AppPasswordStore(services.clock).get(_key(app_password_id))
        found: Sequence[AppPassword] = [one] if one is not None and one.is_live(services.now) else []
    else:
        subject = None if person is None else person.only_subject()
        client_id = None if client_name is None else find_client(services, client_name).client_id
        subjects = None if person is None else [subject] if subject else []
        found, _ = AppPasswordStore(services.clock).list_all(client_id, MAX_PLANNED, subjects=subjects)
    if not found and not (everyone or is_rest):
        raise NoLiveAppPassword
    return found


def end_app_passwords(
    services: Services,
    planned: Sequence[AppPassword],
    *,
    actor: Actor,
    plan_rest: Callable[[], Sequence[AppPassword]] = tuple,
) -> int:
    """End app passwords, each with every token that it gave, in a transaction of its own.

    Args:
        services: what the use case works on.
        planned: from `plan_app_password_end`.
        actor: who ends them, for the audit.
        plan_rest: plans those that come after `MAX_PLANNED`.

    Returns:
        How many ended now; others had ended meanwhile.

    Raises:
        StoreUnavailable: those that did not end yet end at the next call.
    """
    store, ended = AppPasswordStore(services.clock), 0
    while planned:
        for each in planned:
            event = services.event(
                ENDED,
                actor,
                _REASON,
                client_id=each.client_id,
                subject=each.subject,
                app_password_id=each.id.hex(),
            )
            if store.end(each.id, _REASON, event):
                services.tell(event)
                ended += 1
        planned = plan_rest() if len(planned) == MAX_PLANNED else ()
    return ended


def end_app_passwords_of(services: Services, subject: str, reason: str, *, actor: Actor) -> int:
    """End every app password of a user, with every token that they gave. Returns how many ended.

    Args:
        services: what the use case works on.
        subject: the user's stable id.
        reason: why, a constant word.
        actor: who ends them, for the audit.

    Raises:
        StoreUnavailable: those that did not end yet end at the next call.
    """
    event = services.event(ENDED, actor, reason, subject=subject)
    ended = AppPasswordStore(services.clock).end_all(DEFAULT_DIRECTORY, subject, reason, event)
    if ended:
        services.tell(event.with_count(f"{ended} ended"))
    return ended


def _key(text: str) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != _ID_OCTETS:
        raise NotAnAppPasswordId
    return key
