"""The programs of the campus: their sizes, owners and users, and how their owners react to announcements.

Owns: the population, which is the same for the same seed. Nobody in it exists: names are numbers.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from bench.campus.people import SERVICE_ACCOUNT, net_id
from bench.campus.server import Credentials

FIXED = 5
"""The programs that nobody can change."""
USUAL_USERS = 34
"""Users of programs before the plan. Those after them are new people."""
NEW_USERS = 4


class Habit(StrEnum):
    """What makes the owner of a program change it."""

    READS_MAIL = "reads the monthly sheet"
    READS_LOGS = "finds the headers in the program's log"
    BROWN_OUT = "waits for the brown-out"
    LAST_DATE = "waits for the last date"
    NEVER = "never reads"
    ONCE_A_TERM = "uses it once a term"
    UNUSED = "has not been used for long"
    CANNOT_CHANGE = "cannot change it"


class Kind(NamedTuple):
    """What a program is: its User-Agent, its numbers of users and addresses, and the grant it moves to.

    One that refreshes keeps its users logged in, and sends their passwords again only when a refresh fails.
    """

    agent: str | None
    users: int
    addresses: int
    grant: str
    refreshes: bool = False


_CODE, _DEVICE, _ITSELF = (
    "authorization_code",
    "urn:ietf:params:oauth:grant-type:device_code",
    "client_credentials",
)
_KINDS = (
    Kind("python-requests/2.32", 1, 1, _ITSELF),
    Kind("curl/8.5.0", 1, 1, _ITSELF),
    Kind("Java/17.0.10", 6, 1, _CODE),
    Kind("GuzzleHttp/7", 9, 2, _CODE),
    Kind("okhttp/4.12.0", 18, 18, _CODE),
    Kind("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)", 15, 15, _CODE),
    Kind("curl/8.5.0", 4, 8, _DEVICE),
    Kind("Go-http-client/2.0", 5, 9, _DEVICE),
    Kind("node", 2, 1, _CODE, refreshes=True),
)
_APPLIANCE = Kind(None, 3, 1, "password")
_JOB = Kind("python-requests/2.32", 1, 1, _ITSELF)
_PRINTER = Kind("other-printer/1", 2, 1, _CODE)
_WEB = Kind("axios/1.7", 8, 1, _CODE)

NAMED: dict[str, tuple[Habit, Kind]] = {
    "Grade export": (Habit.LAST_DATE, _WEB),
    "Exam registration": (Habit.READS_MAIL, _WEB),
    "Course planner": (Habit.READS_MAIL, _WEB),
    "Mail server": (Habit.CANNOT_CHANGE, _APPLIANCE),
    "Payroll job": (Habit.LAST_DATE, _JOB),
    "Old printer": (Habit.ONCE_A_TERM, _PRINTER),
}
"""The clients that docs/way-out.md names."""
_TERM_WEEKS = {"Old printer": (-14, 8, 36)}
_OTHER_TERM_WEEKS = (-14, 2, 36)
"""A program of each term comes back before the unused ones are closed, or afterwards."""
_SHARES = (
    (Habit.READS_MAIL, 0.42),
    (Habit.READS_LOGS, 0.12),
    (Habit.BROWN_OUT, 0.2),
    (Habit.LAST_DATE, 0.1),
    (Habit.NEVER, 0.05),
    (Habit.UNUSED, 0.11),
)


@dataclass(eq=False, kw_only=True)
class Program:
    """One program, and where it is on its way out. Times are seconds since the epoch.

    - `size`: the logins that it has in a week. Only some of them are simulated.
    - `term_weeks`: the weeks in which a program of each term is used; none for others.
    - `moves_at`: when its owner installs the changed program. `has_moved`: that is done.
    - `refresh_tokens`: by user. `app_passwords`: by user.
    - `failed_weeks`: how long it has only failed. `is_given_up`: nobody starts it any more.
    """

    name: str
    owner: str | None
    habit: Habit
    kind: Kind
    size: int
    client_id: str
    secret: str
    users: Sequence[str]
    addresses: Sequence[str]
    term_weeks: Sequence[int] = ()
    moves_at: int | None = None
    has_moved: bool = False
    is_given_up: bool = False
    failed_since: int | None = None
    called_at: int | None = None
    refresh_tokens: dict[str, str] = field(default_factory=dict)
    app_passwords: dict[str, str] = field(default_factory=dict)

    @property
    def sends_passwords(self) -> bool:
        """Whether it still logs users in by the password grant."""
        return not (self.has_moved or self.is_given_up or self.habit is Habit.UNUSED)

    def credentials(self, address: str) -> Credentials:
        """What it sends with a login."""
        return Credentials(self.client_id, self.secret, self.kind.agent, address)


def population(clients: int, chance: random.Random) -> list[Program]:
    """Make the programs of a campus.

    Args:
        clients: how many.
        chance: decides habits, kinds, owners and users.
    """
    rest = clients - len(NAMED) - (FIXED - 1) - 1
    plans = [*NAMED.items()]
    plans += [(f"Appliance {number}", (Habit.CANNOT_CHANGE, _APPLIANCE)) for number in range(2, FIXED + 1)]
    plans.append(("Program of each term", (Habit.ONCE_A_TERM, _PRINTER)))
    habits = [habit for habit, share in _SHARES for _ in range(max(1, round(share * rest)))][:rest]
    habits += [Habit.READS_MAIL] * (rest - len(habits))
    plans += [
        (f"Program {number:03d}", (habit, _KINDS[number % len(_KINDS)]))
        for number, habit in enumerate(habits, 1)
    ]
    sizes = _sizes(len(plans), chance)
    owners = max(4, clients // 10)
    return [
        _program((number, name), habit, kind, size=sizes[number], owners=owners, chance=chance)
        for number, (name, (habit, kind)) in enumerate(plans)
    ]


def _program(
    numbered: tuple[int, str], habit: Habit, kind: Kind, *, size: int, owners: int, chance: random.Random
) -> Program:
    number, name = numbered
    # Some owners have many programs, most have one or two. Every twentieth program has none yet.
    has_owner = name in NAMED or number % 20
    owner = f"owner-{int(owners * chance.random() ** 2):02d}@campus.example" if has_owner else None
    users = chance.sample(range(USUAL_USERS), kind.users)
    return Program(
        name=name,
        owner=None if name == "Grade export" else owner,
        habit=habit,
        kind=kind,
        size=size,
        client_id=f"campus-{number:04d}",
        secret=f"{chance.getrandbits(256):064x}",
        users=[SERVICE_ACCOUNT] if name == "Payroll job" else [net_id(each) for each in users],
        addresses=[f"10.{number // 250}.{number % 250}.{each}" for each in range(1, kind.addresses + 1)],
        term_weeks=_TERM_WEEKS.get(name, _OTHER_TERM_WEEKS) if habit is Habit.ONCE_A_TERM else (),
    )


def _sizes(clients: int, chance: random.Random) -> list[int]:
    """Logins in a week by a power law, in no order."""
    sizes = [max(1, round(20_000 / rank**1.2)) for rank in range(1, clients + 1)]
    chance.shuffle(sizes)
    return sizes
