"""Setting, undoing and listing the policies of clients. No step ends a token, so that each can be undone."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace

from admin.clients import UnknownClient, find_client
from admin.operation import NothingMatches, OperationRefused, Services
from admin.password_grant.policy_change import (
    ClashingStep,
    PolicyChange,
    changed_policy,
    short_notices,
    summary,
)
from models import (
    DEFAULT_POLICY,
    Client,
    ClosedReason,
    PasswordGrantPolicy,
    PasswordGrantPolicyStore,
    PasswordGrantStep,
    PolicyChangedMeanwhile,
    remember_users,
)
from oauth.policy.closed_reason import PASSWORD, closed_reason, earliest_end
from telemetry import Actor

SET, UNDONE = "password_grant.set", "password_grant.undone"
_BATCH_OCTETS = 16


class NoPasswordGrant(OperationRefused):
    """The client is not registered for the password grant."""

    def __init__(self, client: Client) -> None:
        super().__init__(
            f"{client.client_name} ({client.client_id}) is not registered for the password grant."
        )


class NothingToUndo(NothingMatches):
    """No step is left that could be undone."""


class ChangedMeanwhile(OperationRefused):
    """Another operator changed a policy at the same time."""

    def __init__(self) -> None:
        super().__init__(
            "Another operator changed a policy at the same time, so nothing was changed. Try again."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStep:
    """What a step did to one client, or would do: its policy before and after."""

    client: Client
    before: PasswordGrantPolicy
    after: PasswordGrantPolicy
    warnings: Sequence[str] = ()

    @property
    def is_change(self) -> bool:
        """Whether the policy is another one now."""
        return self.before != self.after

    @property
    def closes_to_new_people(self) -> bool:
        """Whether the step closes the client to new people."""
        return self.before.closed_to_new_people_at is None and self.after.closed_to_new_people_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStatus:
    """A client's policy, and what it means now.

    - `closed`: why a Net ID password is refused now; None if it is not.
    - `ends_at`: when Net ID passwords end, by the client's policy or the server's; None without a date.
    - `last_step`: the last step that was not undone, if there is one.
    """

    client: Client
    closed: ClosedReason | None
    ends_at: int | None
    last_step: PasswordGrantStep | None


def set_policy(
    services: Services, names: Sequence[str], change: PolicyChange, *, everywhere: bool = False, actor: Actor
) -> Sequence[PolicyStep]:
    """Change the policies of clients by one step, all of them or none.

    A step for every client leaves out brown-outs that come after a client's own end.

    Args:
        services: what the use case works on.
        names: ids or names of clients; none if `everywhere`.
        change: the step.
        everywhere: whether to change every client that is registered for the password grant.
        actor: who changes them, for the audit.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        NoPasswordGrant: a client is not registered for the grant.
        InvalidPolicy: the step makes no sense, or not for one of the clients, which is named then.
        ChangedMeanwhile: another operator was faster.
        StoreUnavailable: nothing was changed.
    """
    clients = clients_with_grant(services) if everywhere else _named(services, names)
    now = services.now
    # What is wrong with the step itself is said without the name of a client, even if there is none.
    changed_policy(DEFAULT_POLICY, change, now, server_ends_at=services.settings.password_grant_ends)
    steps = [_step(services, each, change, now, everywhere=everywhere) for each in clients]
    closing = [each.client.client_id for each in steps if each.closes_to_new_people]
    if closing:
        # Before the policy is stored, so that nobody who uses the client is refused meanwhile.
        remember_users(closing, now)
    return apply_steps(services, steps, actor=actor)


def set_app_passwords(services: Services, client: Client, choice: str, *, actor: Actor) -> Client:
    """Say whether a client accepts app passwords, whatever grants it is registered for.

    Args:
        services: what the use case works on.
        client: as stored.
        choice: one of `APP_PASSWORD_CHOICES`.
        actor: who says so, for the audit.

    Returns:
        The client as it is now.

    Raises:
        ChangedMeanwhile: another operator was faster.
        StoreUnavailable: nothing was changed.
    """
    step = _step(services, client, PolicyChange(app_passwords=choice), services.now)
    apply_steps(services, [step], actor=actor)
    return replace(client, password_grant=step.after)


def apply_steps(services: Services, steps: Sequence[PolicyStep], *, actor: Actor) -> Sequence[PolicyStep]:
    """Store steps as one batch, with an audit row for each client that changes.

    Args:
        services: what the use case works on.
        steps: as computed from the clients that are stored.
        actor: who changes them, for the audit.

    Raises:
        ChangedMeanwhile: a policy is not what the steps began with; nothing was changed.
        StoreUnavailable: nothing was changed.
    """
    changing = {each.client.client_id: each for each in steps if each.is_change}
    if not changing:
        return steps
    events = [
        services.event(SET, actor, summary(each.before, each.after, services.now), client_id=client_id)
        for client_id, each in changing.items()
    ]
    after = {client_id: each.after for client_id, each in changing.items()}
    before = {client_id: each.before for client_id, each in changing.items()}
    try:
        _store(services).apply(after, secrets.token_bytes(_BATCH_OCTETS), actor, events, before=before)
    except PolicyChangedMeanwhile:
        raise ChangedMeanwhile from None
    except KeyError as missing:
        raise UnknownClient(str(missing.args[0])) from None
    for event in events:
        services.tell(event)
    return steps


def undo_policy(services: Services, name: str, *, actor: Actor) -> PolicyStep:
    """Undo the last step of a client that was not undone: the policy before it counts again.

    Args:
        services: what the use case works on.
        name: the client's id or name.
        actor: who undoes it, for the audit.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        NothingToUndo: no step is left.
        ChangedMeanwhile: another operator was faster.
        StoreUnavailable: nothing was changed.
    """
    client = find_client(services, name)
    last = _store(services).last_steps().get(client.client_id)
    if last is None:
        raise NothingToUndo(f"No step of {client.client_name} ({client.client_id}) can be undone.")
    event = services.event(
        UNDONE, actor, summary(last.after, last.before, services.now), client_id=client.client_id
    )
    try:
        restored = _store(services).undo(client.client_id, actor, event, step_id=last.id)
    except PolicyChangedMeanwhile:
        raise ChangedMeanwhile from None
    except KeyError:
        raise UnknownClient(name) from None
    services.tell(event)
    return _undone(services, client, last.after, restored or last.before)


def undo_last_batch(services: Services, *, actor: Actor) -> Sequence[PolicyStep]:
    """Undo the last command that set policies, for every client that it changed.

    A client with a later step of its own keeps its policy.

    Args:
        services: what the use case works on.
        actor: who undoes it, for the audit.

    Raises:
        NothingToUndo: no step is left.
        ChangedMeanwhile: another operator was faster.
        StoreUnavailable: nothing was changed.
    """
    store = _store(services)
    batch = store.last_batch()
    if batch is None:
        raise NothingToUndo("No step can be undone.")
    clients = {each.client_id: each for each in services.clients.list()}
    try:
        restored = store.undo_batch(
            batch,
            actor,
            services.event(UNDONE, actor),
            reason_of=lambda step: summary(step.after, step.before, services.now),
        )
    except (PolicyChangedMeanwhile, KeyError):
        raise ChangedMeanwhile from None
    if not restored:
        raise ChangedMeanwhile
    steps = [
        _undone(services, clients[client_id], clients[client_id].password_grant, after)
        for client_id, after in restored.items()
        if client_id in clients
    ]
    for each in steps:
        what = summary(each.before, each.after, services.now)
        services.tell(services.event(UNDONE, actor, what, client_id=each.client.client_id))
    return steps


def clients_with_grant(services: Services) -> Sequence[Client]:
    """The clients that are registered for the password grant, disabled ones too, by name.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    return [each for each in services.clients.list() if PASSWORD in each.grant_types]


def list_statuses(services: Services, name: str | None = None) -> Sequence[PolicyStatus]:
    """What the policy of a client, or of each client with the password grant, means now.

    Args:
        services: what the use case works on.
        name: a client's id or name; None for all.

    Raises:
        UnknownClient, AmbiguousClient: as `find_client`.
        NoPasswordGrant: the client is not registered for the grant.
        StoreUnavailable: the database did not answer.
    """
    server_ends_at = services.settings.password_grant_ends
    clients = clients_with_grant(services) if name is None else _named(services, [name])
    last = _store(services).last_steps()
    return [
        PolicyStatus(
            client=each,
            closed=_closed(services, each.password_grant),
            ends_at=earliest_end(each.password_grant, server_ends_at),
            last_step=last.get(each.client_id),
        )
        for each in clients
    ]


def _named(services: Services, names: Sequence[str]) -> Sequence[Client]:
    clients = {client.client_id: client for client in (find_client(services, name) for name in names)}
    for client in clients.values():
        if PASSWORD not in client.grant_types:
            raise NoPasswordGrant(client)
    return list(clients.values())


def _step(
    services: Services, client: Client, change: PolicyChange, now: int, *, everywhere: bool = False
) -> PolicyStep:
    before = client.password_grant
    try:
        after = changed_policy(
            before,
            change,
            now,
            server_ends_at=services.settings.password_grant_ends,
            leaves_out_moot=everywhere,
        )
    except ClashingStep as clash:
        raise ClashingStep(f"{client.client_name} ({client.client_id}): {clash}") from None
    return PolicyStep(client=client, before=before, after=after, warnings=short_notices(before, after, now))


def _undone(
    services: Services, client: Client, before: PasswordGrantPolicy, after: PasswordGrantPolicy
) -> PolicyStep:
    """An undone step. It warns of an earlier policy that refuses logins now, since its date has passed."""
    refuses = _closed(services, before) is None and _closed(services, after) is not None
    name = f"{client.client_name} ({client.client_id})"
    warnings = [f"{name}: Net ID passwords are refused now, as before the undone step."] if refuses else []
    return PolicyStep(client=client, before=before, after=after, warnings=warnings)


def _closed(services: Services, policy: PasswordGrantPolicy) -> ClosedReason | None:
    """Why a Net ID password is refused now under a policy; None if it is not."""
    ends_at = services.settings.password_grant_ends
    return closed_reason(policy, ends_at, is_app_password=False, now=services.now)


def _store(services: Services) -> PasswordGrantPolicyStore:
    return PasswordGrantPolicyStore(services.clock, services.clients.recent)
