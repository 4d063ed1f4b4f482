"""Which owners have reacted to the date that was announced to them.

Owns: what counts as a reaction. Must not know: how owners are told.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from admin.password_grant.policy_change import NOTICE_SECONDS
from admin.usage.facts import DAY, ClientFacts
from models import ClientUsage

NOTICE_DAYS = NOTICE_SECONDS // DAY
"""An owner has this long to react before a report says that they have not."""
_BEFORE_DAYS = 28
_LESS = 0.8
"""Below this part of the logins before the announcement, the program is on its way."""


class Reaction(StrEnum):
    """What the owner of a client has done since its date was announced."""

    NOT_TOLD = "not told"
    JUST_TOLD = "just told"
    NONE = "none"
    BEGUN = "begun"
    DONE = "done"


class OwnerState(NamedTuple):
    """One owner, and their clients that still send Net ID passwords.

    Args:
        owner: as registered; None for clients without one.
        clients: how many clients use the password grant.
        logins: their logins with a Net ID password in the period.
        told_at: when the first of their clients that still wait for a reaction was announced a date.
        waiting: how many clients have a date, and show no reaction.
        not_told: how many clients have no date.
    """

    owner: str | None
    clients: int
    logins: int
    told_at: int | None
    waiting: int
    not_told: int


def reaction(facts: ClientFacts, days: Iterable[ClientUsage], now: int) -> Reaction:
    """What a client's usage says about its owner.

    Args:
        facts: of the client, for the last period.
        days: all its usage, also before the announcement.
        now: seconds since the epoch.
    """
    told_at = facts.client.password_grant.announced_at
    today = now // DAY
    rows = list(days)
    latest = [row for row in rows if row.day > today - NOTICE_DAYS]
    logins = sum(row.logins for row in latest)
    if told_at is None:
        return Reaction.NOT_TOLD if facts.logins or facts.refreshes else Reaction.DONE
    told = told_at // DAY
    has_app_passwords = any(row.app_password_logins for row in rows if row.day >= told)
    # Refreshes are not counted by kind: beside app passwords they need not come from a Net ID password.
    if not logins and (has_app_passwords or not any(row.refreshes for row in latest)):
        return Reaction.DONE
    before = sum(row.logins for row in rows if told - _BEFORE_DAYS <= row.day < told)
    if has_app_passwords:
        return Reaction.BEGUN
    if today - told < NOTICE_DAYS:
        return Reaction.JUST_TOLD
    return Reaction.BEGUN if logins / NOTICE_DAYS < _LESS * before / _BEFORE_DAYS else Reaction.NONE


def owners_of(clients: Iterable[tuple[ClientFacts, Reaction]]) -> Sequence[OwnerState]:
    """The owners whose programs still send Net ID passwords, those who wait the longest first.

    Args:
        clients: the facts of each client, and its owner's reaction.
    """
    still = [each for each in clients if each[1] != Reaction.DONE]
    still.sort(key=lambda each: owner_key(each[0].client.owner))
    states = [
        _state(list(group)) for _, group in groupby(still, key=lambda each: owner_key(each[0].client.owner))
    ]
    return sorted(states, key=lambda each: (each.told_at is None, each.told_at or 0, -each.logins))


def owner_key(owner: str | None) -> str:
    """An owner as names are compared: without regard to case and outer spaces."""
    return (owner or "").strip().casefold()


def _state(clients: Sequence[tuple[ClientFacts, Reaction]]) -> OwnerState:
    waiting = [facts for facts, reacted in clients if reacted == Reaction.NONE]
    told = [at for facts in waiting if (at := facts.client.password_grant.announced_at) is not None]
    return OwnerState(
        owner=clients[0][0].client.owner,
        clients=len(clients),
        logins=sum(facts.logins for facts, _ in clients),
        told_at=min(told, default=None),
        waiting=len(waiting),
        not_told=sum(reacted == Reaction.NOT_TOLD for _, reacted in clients),
    )
