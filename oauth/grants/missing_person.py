"""A person whom the directory does not have at a refresh: refused now, ended once they stay away.

Owns: what is told of it. Must not know: when it is believed, which the store decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from models import MissingPerson, MissingPersonStore
from telemetry import AuditEvent, Log


def note_absence(
    absences: MissingPersonStore,
    log: Log,
    event: AuditEvent,
    servers: Sequence[str],
    facts: Mapping[str, object],
) -> None:
    """Note that a person was not found. Where they are gone for certain, all their grants end.

    Args:
        absences: what is known of earlier misses.
        log: for what was ended; and an alarm, where so many are missing that the fault must be ours.
        event: of the grant that was to be refreshed, with the reason; the audit row of what ends is like it.
        servers: those that do not have the person.
        facts: of the request, for the alarm.

    Raises:
        StoreUnavailable: nothing was noted.
    """
    of_person = replace(event, client_id=None, grant_id=None, scope=None)
    missed = absences.missed(event.subject or "", servers, of_person)
    if missed.event is not None:
        log.warning(missed.event.event, **missed.event.facts())
    if missed.absence is MissingPerson.BRAKED:
        cause = (
            "More people are missing from the directory than can be right, so no more grants end for it: "
            "look at NETID_LDAP_USER_BASE, NETID_LDAP_ID_ATTRIBUTE and what the service account may read."
        )
        log.error("absence.brake", cause=cause, alarm=True, subject=event.subject, **facts)
