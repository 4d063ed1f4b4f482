"""One person, for the help desk: why a login fails, who a name means, emptying a count."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from admin.operation import NothingMatches, OperationRefused, Services, refuse_app_passwords
from directory import DirectoryUnavailable, InvalidCredentials, LockoutStatus, PersonState, Refusal
from login.blocks import Block, blocks, shield_blocks, wide_blocks
from models import (
    MAX_APP_PASSWORDS,
    AppPassword,
    AppPasswordStore,
    FailureStore,
    LiveGrant,
    PastFailure,
    Selection,
    SessionSelection,
    app_password_subjects_of,
    count_sessions,
    failures_of,
    list_grants,
    session_subjects_of,
    subjects_of,
)
from models import unblock as clear_failures
from telemetry import Actor

_DAY = 86_400
MAX_LISTED_GRANTS = 100
"""How many live grants a report lists."""
# What a directory answers to a bind and may not show in the entry.
_ANSWERS_TO_A_BIND = frozenset(
    {
        Refusal.LOCKED,
        Refusal.EXPIRED,
        Refusal.MUST_CHANGE,
        Refusal.DISABLED,
        Refusal.NOT_NOW,
        Refusal.NOT_HERE,
        Refusal.REFUSED,
    }
)
# Of clients and of networks. The latest are looked at, since a flood comes from thousands.
_MAX_WIDE_LOOKUPS = 100


class AmbiguousPerson(OperationRefused):
    """A Net ID belonged to several people, and each of them has grants."""

    def __init__(self, person: str, subjects: Sequence[str]) -> None:
        super().__init__(f"{len(subjects)} people had the Net ID {person}: say which, {', '.join(subjects)}.")


@dataclass(frozen=True, slots=True)
class PersonLookup:
    """The stable ids that a name means.

    If `directory_answered` is False, a user who asked for privacy was found by `sub` alone.
    """

    person: str
    subjects: Sequence[str]
    directory_answered: bool = True

    def only_subject(self) -> str | None:
        """The stable id of the one person who is meant, or None if no grant, session or entry has it.

        Raises:
            AmbiguousPerson: the name means several people.
        """
        if len(self.subjects) > 1:
            raise AmbiguousPerson(self.person, self.subjects)
        return self.subjects[0] if self.subjects else None


class UnknownPerson(NothingMatches):
    """Neither the directory nor the counts of failures know a person."""

    def __init__(self) -> None:
        # The name is not repeated: users type passwords there.
        super().__init__("Nobody is known by this name, and no failure is counted under it.")


@dataclass(frozen=True, slots=True)
class RefusedLogins:
    """Refused logins that share client, network and reason. Times are seconds since the epoch.

    In `repeated` of them the password had been refused before.
    """

    client_id: str
    address: str
    reason: str
    times: int
    repeated: int
    first_at: int
    last_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonReport:
    """What the server knows of one person. `directory` is one word or sentence for the directory's view.

    `app_passwords` are the live ones; `sessions` is the number of live sign-in sessions. Refused app
    passwords have counts of their own: `app_password_blocks` stop wrong ones alone.

    `last_refusal` is set if the entry shows no reason to refuse the person, but the directory gave one at a
    login of the last day, and nothing has changed since: `directory` is then that reason.
    """

    subject: str | None
    directory: str
    detail: str = ""
    state: PersonState | None = None
    last_refusal: PastFailure | None = None
    blocks: Sequence[Block] = ()
    failures: Sequence[RefusedLogins] = ()
    app_password_blocks: Sequence[Block] = ()
    refused_app_passwords: Sequence[RefusedLogins] = ()
    grants: Sequence[LiveGrant] = ()
    app_passwords: Sequence[AppPassword] = ()
    sessions: int = 0
    client_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unblocked:
    """The person, and how many failures no longer count and how many refused passwords are forgotten.

    `refusal` is why the directory still refuses the person, if it does.
    """

    subject: str | None
    failures: int
    passwords: int
    refusal: Refusal | None


def look_up_person(services: Services, person: str) -> PersonLookup:
    """The people whom an operator means by a Net ID, a stable id or a pairwise `sub`.

    Grants of users who asked for privacy hold no Net ID, so the directory is asked whose it is. If a Net ID
    was given to another person, both people are meant, if both have grants or sessions.

    Args:
        services: what the use case works on.
        person: as the operator typed it.

    Raises:
        TypedAppPassword: it looks like an app password.
        StoreUnavailable: the database did not answer.
    """
    refuse_app_passwords(person)
    known = subjects_of(person)
    if person not in known:
        known = sorted({*known, *session_subjects_of(person), *app_password_subjects_of(person)})
    if person in known:
        return PersonLookup(person, [person])
    try:
        owner = services.directory.examine(person).person.id
    except InvalidCredentials:
        return PersonLookup(person, known)
    except DirectoryUnavailable:
        return PersonLookup(person, known, directory_answered=False)
    if known and owner not in known and not _has_logins(services, owner):
        return PersonLookup(person, known)
    return PersonLookup(person, sorted({*known, owner}))


def report_on_person(services: Services, net_id: str) -> PersonReport:
    """Collect what the directory, refused logins, live grants and app passwords say of a person.

    If the directory does not answer, the report says so and has the rest.

    Args:
        services: what the use case works on.
        net_id: a login name as typed, or a stable id.

    Raises:
        UnknownPerson: the directory does not know the name, and no failure is counted under it.
        StoreUnavailable: the database did not answer.
    """
    now, limits = services.now, services.limits
    view = _examine(services, net_id)
    name, since = services.login_names.digest(net_id), now - max(_DAY, limits.longest)
    # A person who never had a grant is known by the stable id of their failures alone.
    past = failures_of(name, view.subject or net_id, since)
    of_app_passwords = failures_of(_app_password_digest(services, view, net_id), None, since)
    if view.is_unknown and not past and not of_app_passwords:
        raise UnknownPerson
    latest = [each for each in past if each.at >= now - _DAY]
    last_refusal = _last_refusal(latest, view.state)
    grants = _grants_of(services, view.subject)
    wide = _wide_blocks(services, [*past, *of_app_passwords], grants, name)
    return PersonReport(
        subject=view.subject,
        directory=last_refusal.reason if last_refusal is not None else view.answer,
        detail=view.detail,
        state=view.state,
        last_refusal=last_refusal,
        blocks=[*blocks(limits, past, now), *_lockout_blocks(services, past, view.state), *wide],
        failures=_merged(latest),
        app_password_blocks=blocks(limits, of_app_passwords, now),
        refused_app_passwords=_merged([each for each in of_app_passwords if each.at >= now - _DAY]),
        grants=grants,
        app_passwords=live_app_passwords_of(services, view.subject) if view.subject else (),
        sessions=count_sessions(SessionSelection(subjects=[view.subject] if view.subject else []), now),
        client_names={each.client_id: each.client_name for each in services.clients.list()},
    )


def live_app_passwords_of(services: Services, subject: str) -> Sequence[AppPassword]:
    """The live app passwords of one user, the newest first.

    Args:
        services: what the use case works on.
        subject: the user's stable id.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    found, _ = AppPasswordStore(services.clock).list_all(None, MAX_APP_PASSWORDS, subjects=[subject])
    return found


def unblock_person(services: Services, net_id: str, *, actor: Actor) -> Unblocked:
    """Empty a person's count of failures, in one transaction with its audit row.

    The counts of clients, of addresses and of the directory itself stay.

    Args:
        services: what the use case works on.
        net_id: a login name as typed, or a stable id.
        actor: who empties it, for the audit.

    Raises:
        UnknownPerson: the directory does not know the name, and no failure is counted under it.
        StoreUnavailable: nothing was changed.
    """
    view = _examine(services, net_id)
    name, person = services.login_names.digest(net_id), view.subject or net_id
    also = _app_password_digest(services, view, net_id)
    if view.is_unknown and not failures_of(name, person, 0) and not failures_of(also, None, 0):
        raise UnknownPerson
    event = services.event("person.unblocked", actor, subject=view.subject)
    failures, passwords = clear_failures(name, person, event, also=also)
    services.tell(event.with_count(f"{failures} failures, {passwords} passwords"))
    return Unblocked(
        subject=view.subject,
        failures=failures,
        passwords=passwords,
        refusal=view.state.refusal if view.state is not None else None,
    )


def _app_password_digest(services: Services, view: "_View", typed: str) -> bytes:
    """The digest that counts a user's wrong app passwords, also if an operator typed a stable id."""
    net_id = view.state.person.net_id if view.state is not None else typed
    return services.login_names.app_password_digest(net_id)


def _grants_of(services: Services, subject: str | None) -> Sequence[LiveGrant]:
    if subject is None:
        return ()
    return list_grants(Selection(subjects=[subject]), services.now, limit=MAX_LISTED_GRANTS)[0]


def _has_logins(services: Services, subject: str) -> bool:
    grants, _ = list_grants(Selection(subjects=[subject]), services.now, limit=1)
    if grants or count_sessions(SessionSelection(subjects=[subject]), services.now):
        return True
    return bool(app_password_subjects_of(subject))


@dataclass(frozen=True, slots=True)
class _View:
    """What the directory says of a person: `answer` is a word, or a sentence if it cannot say."""

    subject: str | None
    answer: str
    state: PersonState | None = None
    detail: str = ""

    @property
    def is_unknown(self) -> bool:
        """Whether the directory answered that nobody has the name, and no grant has it either."""
        return self.subject is None and self.answer in {Refusal.UNKNOWN_PERSON, Refusal.UNACCEPTABLE}


def _known(person: str) -> str | None:
    """The stable id that grants or app passwords know a name by."""
    return next(iter((*subjects_of(person), *app_password_subjects_of(person))), None)


def _examine(services: Services, person: str) -> _View:
    """Ask the directory for a person by login name, or else by stable id or pairwise `sub`."""
    refuse_app_passwords(person)
    try:
        return _seen(services.directory.examine(person))
    except InvalidCredentials as refusal:
        known = _known(person)
        if refusal.reason is not Refusal.UNKNOWN_PERSON:
            return _View(known, refusal.reason.value, detail=refusal.detail)
    except DirectoryUnavailable as outage:
        return _View(_known(person), f"cannot say: {outage.cause}")
    try:
        return _read(services, known or person)
    except InvalidCredentials as refusal:
        exists = refusal.reason is not Refusal.UNKNOWN_PERSON
        return _View(known or (person if exists else None), refusal.reason.value, detail=refusal.detail)
    except DirectoryUnavailable as outage:
        return _View(known, f"cannot say: {outage.cause}")


def _read(services: Services, subject: str) -> _View:
    found = services.directory.read(subject)
    try:
        state = services.directory.examine(found.net_id)
    except InvalidCredentials:
        # The login name is in another state than the entry: it leads to several people, for example.
        return _seen(PersonState(found))
    return _seen(state if state.person.id == found.id else PersonState(found))


def _seen(state: PersonState) -> _View:
    answer = state.refusal.value if state.refusal else "may log in"
    return _View(state.person.id, answer, state, state.detail)


def _last_refusal(latest: Sequence[PastFailure], state: PersonState | None) -> PastFailure | None:
    """The newest login that the directory refused for a reason that the entry does not show.

    A success would have cleared it. A change of the password ends it, and a lock that is over does not count.
    """
    if state is None or state.refusal is not None:
        return None
    failures, limit = state.lockout_status.failures, state.lockout_status.limit
    over = {Refusal.LOCKED} if failures is not None and (limit is None or failures < limit) else set()
    since = state.person.password_changed_at or 0
    for each in latest:
        if each.at > since and not each.cleared and each.reason in _ANSWERS_TO_A_BIND - over:
            return each
    return None


def _lockout_blocks(
    services: Services, past: Sequence[PastFailure], state: PersonState | None
) -> Sequence[Block]:
    settings = services.settings
    lockout_status = state.lockout_status if state else LockoutStatus()
    return shield_blocks(settings.shield_budget, settings.shield_window, past, lockout_status, services.now)


def _wide_blocks(
    services: Services, past: Sequence[PastFailure], grants: Sequence[LiveGrant], name: bytes
) -> Sequence[Block]:
    """The blocks that every user of the person's clients and networks meets."""
    now = services.now
    clients = dict.fromkeys([each.client_id for each in past] + [each.client_id for each in grants])
    addresses = dict.fromkeys(each.address for each in past)
    return wide_blocks(
        services.limits,
        list(clients)[:_MAX_WIDE_LOOKUPS],
        list(addresses)[:_MAX_WIDE_LOOKUPS],
        lambda thresholds: FailureStore().look(name, None, now, thresholds)[1],
        now,
    )


def _merged(past: Sequence[PastFailure]) -> Sequence[RefusedLogins]:
    """Merge failures that share client, network and reason; the kind with the latest failure comes first."""

    def kind(each: PastFailure) -> tuple[str, str, str]:
        return each.client_id, each.address, each.reason

    merged = []
    for (client_id, address, reason), group in groupby(sorted(past, key=kind), key=kind):
        together = list(group)
        times = [each.at for each in together]
        repeated = sum(not each.is_new_password for each in together)
        merged.append(
            RefusedLogins(client_id, address, reason, len(together), repeated, min(times), max(times))
        )
    return sorted(merged, key=lambda each: -each.last_at)
