"""A person whom the directory does not have any more: what they hold ends once that is confirmed.

Owns: the log lines and audit rows about it. Must not know: when a miss is confirmed; the store decides that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from models import MissingPerson, MissingPersonStore
from telemetry import AuditEvent, Log


def note_missing_person(
    missing_people: MissingPersonStore,
    log: Log,
    event: AuditEvent,
    servers: Sequence[str],
    fields: Mapping[str, object],
) -> None:
    """Note that a person was not found. Once that is confirmed, all their grants and sessions end.

    Args:
        missing_people: the store of earlier misses.
        log: receives the event, and an alarm if too many people are missing to be believed.
        event: about the grant that was to be refreshed, or of the request of a session, with the reason. The
            audit rows of what ends are like it.
        servers: the directory servers that do not have the person.
        fields: the log fields of the request, for the alarm.

    Raises:
        StoreUnavailable: nothing was noted.
    """
    person_event = replace(event, client_id=None, grant_id=None, scope=None)
    missed = missing_people.missed(event.subject or "", servers, person_event)
    for each in (missed.event, missed.session_event):
        if each is not None:
            log.warning(each.event, **each.facts())
    if missed.absence is MissingPerson.BRAKED:
        cause = (
            "More people are missing from the directory than can be right, so no more grants end for it: "
            "look at NETID_LDAP_USER_BASE, NETID_LDAP_ID_ATTRIBUTE and what the service account may read."
        )
        log.error("absence.brake", cause=cause, alarm=True, subject=event.subject, **fields)
