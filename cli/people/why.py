"""What is known of one person, for the help desk: by the directory, by refused logins, by live grants."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby

from cli.output import moment
from cli.services import services
from directory import DirectoryUnavailable, InvalidCredentials, LockoutStatus, PersonState
from login import Block, Cause, blocks, shield_blocks, wide_blocks
from models import (
    FailureStore,
    LiveGrant,
    Selection,
    ToldFailure,
    failures_of,
    list_grants,
    subjects_of,
)

_DAY = 86_400
_MOST_GRANTS = 100
# Of clients and networks, the latest: a flood comes from thousands.
_MOST_WIDE = 100


@dataclass(frozen=True, slots=True)
class Refused:
    """Refused logins that are alike; `repeated` of them had a password that had been refused before."""

    client_id: str
    address: str
    reason: str
    times: int
    repeated: int
    first_at: int
    last_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One person. `directory` says in a word how the directory sees them. Times: seconds since the epoch."""

    subject: str | None
    directory: str
    state: PersonState | None = None
    blocks: Sequence[Block] = ()
    failures: Sequence[Refused] = ()
    grants: Sequence[LiveGrant] = ()
    client_names: dict[str, str] = field(default_factory=dict)

    def name_of(self, client_id: str) -> str:
        """A client's name, or its id where it has none any more."""
        return self.client_names.get(client_id, client_id)

    def blocked_by(self, block: Block) -> str:
        """Who is blocked, in words."""
        if block.cause in {Cause.CLIENT, Cause.ADDRESS, Cause.SERVER}:
            if block.client_id is not None:
                return f"everybody with client {self.name_of(block.client_id)}"
            return "everybody" if block.address is None else f"everybody from {block.address}"
        if block.client_id is None:
            return "with any client"
        return f"with client {self.name_of(block.client_id)}"

    def for_people(self) -> dict[str, object]:
        """The facts on top, by name."""
        facts: dict[str, object] = {"sub": self.subject, "directory": self.directory}
        if self.state is not None:
            person, lockout_status = self.state.person, self.state.lockout_status
            facts |= {
                "net_id": person.net_id,
                "name": person.name,
                "detail": self.state.detail,
                "failures in the directory": lockout_status.failures,
                "failures that lock": lockout_status.limit or None,
                "password changed": moment(person.password_changed_at),
                "password expires": moment(person.password_expires_at),
                "grace logins": person.grace_logins_remaining,
            }
        return facts

    def as_object(self) -> dict[str, object]:
        """All of it, for a program."""
        state = self.state
        return {
            "sub": self.subject,
            "directory": self.directory,
            "net_id": state.person.net_id if state else None,
            "name": state.person.name if state else None,
            "refusal": state.refusal.value if state and state.refusal else None,
            "detail": state.detail if state else None,
            "directory_failures": state.lockout_status.failures if state else None,
            "directory_limit": state.lockout_status.limit if state else None,
            "password_changed_at": state.person.password_changed_at if state else None,
            "password_expires_at": state.person.password_expires_at if state else None,
            "blocked": [asdict(block) for block in self.blocks],
            "failures": [
                {**asdict(each), "client_name": self.client_names.get(each.client_id)}
                for each in self.failures
            ],
            "grants": [
                {"grant_id": each.id.hex(), "client_id": each.client_id, "since": each.auth_time}
                for each in self.grants
            ],
        }


def tell(net_id: str) -> StepResult:
    """Everything that is known of whoever logs in as `net_id`.

    A directory that is away hides nothing of the rest.

    Args:
        net_id: a login name as typed, or a stable id.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    now = int(services().clock())
    state, seen = _examine(net_id)
    subject = state.person.id if state else next(iter(subjects_of(net_id)), None)
    name = services().login_names.digest(net_id)
    limits = services().limits
    # Who never had a grant is known by a stable id from their failures alone.
    past = failures_of(name, subject or net_id, now - max(_DAY, limits.longest))
    grants: Sequence[LiveGrant] = ()
    if subject is not None:
        grants, _ = list_grants(Selection(subjects=[subject]), now, limit=_MOST_GRANTS)
    return StepResult(
        subject=subject,
        directory=seen,
        state=state,
        blocks=[*blocks(limits, past, now), *_shielded(past, state, now), *_wide(past, grants, name, now)],
        failures=_alike([each for each in past if each.at >= now - _DAY]),
        grants=grants,
        client_names={each.client_id: each.client_name for each in services().clients.list()},
    )


def _shielded(past: Sequence[ToldFailure], state: PersonState | None, now: int) -> list[Block]:
    settings = services().settings
    lockout_status = state.lockout_status if state else LockoutStatus()
    return shield_blocks(settings.shield_budget, settings.shield_window, past, lockout_status, now)


def _wide(past: Sequence[ToldFailure], grants: Sequence[LiveGrant], name: bytes, now: int) -> list[Block]:
    """The blocks of everybody that this person meets: with their clients, from where they came."""
    clients = dict.fromkeys([each.client_id for each in past] + [each.client_id for each in grants])
    addresses = dict.fromkeys(each.address for each in past)
    return wide_blocks(
        services().limits,
        list(clients)[:_MOST_WIDE],
        list(addresses)[:_MOST_WIDE],
        lambda thresholds: FailureStore().look(name, None, now, thresholds)[1],
        now,
    )


def _examine(net_id: str) -> tuple[PersonState | None, str]:
    try:
        state = services().directory.examine(net_id)
    except InvalidCredentials as refusal:
        return None, refusal.reason.value
    except DirectoryUnavailable as outage:
        return None, f"cannot say: {outage.cause}"
    return state, state.refusal.value if state.refusal else "may log in"


def _alike(past: Sequence[ToldFailure]) -> list[Refused]:
    """Those that share client, network and reason in one, the most recent kind first."""

    def kind(each: ToldFailure) -> tuple[str, str, str]:
        return each.client_id, each.address, each.reason

    found = []
    for (client_id, address, reason), group in groupby(sorted(past, key=kind), key=kind):
        together = list(group)
        times = [each.at for each in together]
        repeated = sum(not each.guess for each in together)
        found.append(Refused(client_id, address, reason, len(together), repeated, min(times), max(times)))
    return sorted(found, key=lambda each: -each.last_at)
