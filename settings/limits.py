"""The settings of what is counted against guessing, typed, with their defaults and the reason for each.

Owns: how limits are written, and those of `Settings` that bound failures. Must not know: any of our packages,
and the other settings.
"""

from typing import Annotated

from limits import RateLimitItem, parse_many
from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings.fields import NUMBER, Lifetime

EMPTY_IS_OFF = (
    "limit_person",
    "limit_client",
    "limit_address",
    "limit_server",
    "limit_authentication_address",
    "limit_authentication_client",
    "client_rate",
)
"""Settings that are switched off by an empty value, where an empty value otherwise counts as none given."""

_MOST = 1_000_000
# Failures are not kept for longer.
_LONGEST = 30 * 86_400


def limits(value: object) -> str:
    """Read limits. Raises ValueError where they cannot be read, allow nothing, or reach too far back."""
    if not isinstance(value, str):
        raise ValueError("must be text, in quotes")  # noqa: TRY004 - pydantic gathers ValueErrors
    if not value:
        return value
    try:
        usable = all(map(_is_usable, parse_many(value)))
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            "must be such as 10/15minutes or 10/15minutes;100/day (from 1 on, over at most 30 days), or empty"
        )
    return value


def _is_usable(limit: RateLimitItem) -> bool:
    return 1 <= limit.amount <= _MOST and limit.get_expiry() <= _LONGEST


_Limits = Annotated[str, BeforeValidator(limits)]


class LimitSettings(BaseSettings):
    """What the operator chose against guessing."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    limit_person: _Limits = "10/15minutes;100/day"
    """Wrong guesses at one person, and failures of one person with one client; beyond it the answer is 429. A
    success empties counts over an hour or less."""
    limit_client: _Limits = "500/15minutes"
    """Failures of one client, whoever its people are."""
    limit_address: _Limits = "300/15minutes"
    """Failures from one IPv4 address or one IPv6 /64; for most requests that is the program's, not the
    person's."""
    limit_server: _Limits = "5000/15minutes"
    """Failures of all clients together."""
    limit_authentication_address: _Limits = "100/15minutes"
    """Failed authentications of clients from one IPv4 address or one IPv6 /64, in each process; beyond it
    the answer is 429, but for right secrets that this server has made."""
    limit_authentication_client: _Limits = "300/15minutes"
    """Failed authentications in the name of one client, in each process; beyond it the answer is 429, but
    for right secrets that this server has made, and at addresses that the client used within a day."""
    shield_budget: Annotated[int, Field(ge=0, le=1000), NUMBER] = 3
    """Failures that may be added to a person's count in the directory, so that nobody is locked out by
    guesses that come this way; keep it below what locks. 0 leaves that to the limits."""
    shield_window: Lifetime = 3600
    """Seconds over which these are counted where the directory's own count cannot be read: no less than it
    takes the directory to forget a failure."""
    client_rate: _Limits = ""
    """Logins of one client, right ones too, in each process: a bound on load, and not on guessing."""
