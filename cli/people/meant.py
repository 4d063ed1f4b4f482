"""The person whom an operator means by a Net ID or a stable id."""

from collections.abc import Sequence

from cli.output import print_line
from cli.services import services
from directory import DirectoryUnavailable, InvalidCredentials
from models import Selection, list_grants, subjects_of


def subjects_meant(person: str) -> Sequence[str]:
    """The stable ids that an operator may mean by a Net ID, a stable id or a pairwise `sub`.

    Grants of users who asked for privacy hold no Net ID, so the directory is asked whose it is. Of a Net ID
    that was given to another person both are meant, if both have grants.

    Args:
        person: as the operator typed it.

    Raises:
        StoreUnavailable: the database cannot say.
    """
    known = subjects_of(person)
    if person in known:
        return known
    try:
        found = services().directory.examine(person).person.id
    except InvalidCredentials:
        return known
    except DirectoryUnavailable:
        print_line(
            "The directory does not answer: users who asked for privacy are found by their sub alone.",
            err=True,
        )
        return known
    if known and found not in known and not _has_grants(found):
        return known
    return sorted({*known, found})


def _has_grants(subject: str) -> bool:
    grants, _ = list_grants(Selection(subjects=[subject]), int(services().clock()), limit=1)
    return bool(grants)
