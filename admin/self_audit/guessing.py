"""Checks of what protects passwords and secrets from being guessed."""

from collections.abc import Iterator

from limits import parse_many

from admin.self_audit.finding import Check, Trouble, Weight, of_setting
from admin.self_audit.snapshot import DAY, Snapshot

MANY_GUESSES = 500
"""Wrong guesses at one user in a day beyond which a limit hardly protects a common password."""
LARGE_BUDGET = 5
"""Failures after which many directories lock an account: the shield must stay below them."""
_GUESSING = ("RFC 6749, 4.3.2",)
_DEFAULTS = {
    "limit_person": ("10/15minutes;100/day", Weight.HIGH, "guess at one user's password"),
    "limit_address": ("300/15minutes", Weight.MEDIUM, "try one password with every user from one address"),
    "limit_client": ("500/15minutes", Weight.LOW, "guess without end in the name of one client"),
    "limit_server": ("5000/15minutes", Weight.LOW, "guess from many addresses at once"),
    "limit_authentication_address": (
        "100/15minutes",
        Weight.MEDIUM,
        "guess at client secrets",
    ),
    "limit_authentication_client": (
        "300/15minutes",
        Weight.LOW,
        "guess at one client's secret from afar",
    ),
}
"""Each limit with its default, the weight of its absence, and what nothing stops then."""


def _limits_off(snapshot: Snapshot) -> Iterator[Trouble]:
    """A limit on failed logins or failed authentications of clients is switched off."""
    for name, (default, weight, deed) in _DEFAULTS.items():
        if not getattr(snapshot.settings, name):
            yield of_setting(
                name,
                f"{{setting}} is off: nothing stops an attacker who would {deed}.",
                default,
                weight=weight,
            )


def _person_limit_high(snapshot: Snapshot) -> Iterator[Trouble]:
    """The limit on guesses at one user allows hundreds a day."""
    text = snapshot.settings.limit_person
    if not text:
        return
    guesses = min(limit.amount * max(1, DAY // limit.get_expiry()) for limit in parse_many(text))
    if guesses > MANY_GUESSES:
        sentence = f"{{setting}} allows {guesses:,} guesses at one user in a day."
        yield of_setting("limit_person", sentence, _DEFAULTS["limit_person"][0])


def _shield_off(snapshot: Snapshot) -> Iterator[Trouble]:
    """Guesses at this server can lock users out of the directory."""
    if snapshot.settings.shield_budget == 0:
        yield of_setting(
            "shield_budget",
            "{setting} is 0: anybody can lock users out of the directory by wrong passwords sent here.",
            "3",
        )


def _shield_large(snapshot: Snapshot) -> Iterator[Trouble]:
    """The shield may let as many failures through as lock an account in many directories."""
    budget = snapshot.settings.shield_budget
    if budget >= LARGE_BUDGET:
        sentence = f"{{setting}} is {budget}: a directory that locks after as many failures locks users out."
        yield of_setting("shield_budget", sentence, "3")


CHECKS = (
    Check("limit-off", Weight.MEDIUM, _limits_off, _GUESSING),
    Check("limit-high", Weight.MEDIUM, _person_limit_high, _GUESSING),
    Check("shield-off", Weight.MEDIUM, _shield_off),
    Check("shield-large", Weight.LOW, _shield_large),
)
"""The checks of this subject, in the order of their findings."""
