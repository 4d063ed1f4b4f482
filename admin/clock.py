"""The clock that decides what has expired, and accepting the database's clock after it was wrong."""

from dataclasses import dataclass

from admin.operation import Services
from models import ACCEPTED, ServerClock, clock_of_the_database, record
from telemetry import Actor, AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """The database's clock, the server's, and the time of the newest audit row (0 if there is none).

    All three are seconds since the epoch.
    """

    database: float
    server: float
    newest_row: float

    @property
    def ahead(self) -> float:
        """How many seconds the server's clock is ahead of the database's."""
        return self.server - self.database


def read_clocks(services: Services) -> ClockReading:
    """Read the clocks.

    Raises:
        StoreUnavailable: the database did not answer.
    """
    known = services.clock
    # SQLite has no clock of its own: the machine's counts.
    machine = known.wall if isinstance(known, ServerClock) else known
    database, newest_row = clock_of_the_database(machine)
    return ClockReading(database=database, server=known(), newest_row=newest_row)


def accept_clock(services: Services, reading: ClockReading, *, actor: Actor) -> None:
    """Go by the database's clock again, after it was wrong and has been set right.

    The audit row is the change.

    Args:
        services: what the use case works on.
        reading: what the operator confirmed.
        actor: who accepts it, for the audit.

    Raises:
        StoreUnavailable: nothing was changed.
    """
    reason = f"{max(0, reading.newest_row - reading.database):.0f} s back"
    # At the database's own time: the server's clock is what nobody believes any more.
    event = AuditEvent(event=ACCEPTED, at=int(reading.database), reason=reason, **actor.fields())
    record(event)
    services.tell(event)
