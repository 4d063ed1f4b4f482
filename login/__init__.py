"""May this attempt reach the directory, and what came of it?

Owns: the order of checks before a bind, the limits on failures, and how many logins may be under way at
once. Must not know: Flask, Authlib, SQL, `models`; `login.ports` says what a store must do for it. It
re-exports the directory's outcomes, so that the protocol need not import the directory.
"""

from directory import (
    DirectoryUnavailable,
    Dn,
    InvalidCredentials,
    NotADn,
    Person,
    Refusal,
    dn_key,
    strict_dn_key,
)
from login.addresses import address_of
from login.attempt_key import Names
from login.blocks import Block, blocks, shield_blocks, wide_blocks
from login.factory import GuardRules, open_guard
from login.guard import Guard
from login.limits.client_failures import ClientFailures, ClientLimits
from login.limits.limits import Limits
from login.limits.limits import parse as parse_limits
from login.limits.throttled import Cause, ClientThrottled, Throttled
from login.service import Login

__all__ = [
    "Block",
    "Cause",
    "ClientFailures",
    "ClientLimits",
    "ClientThrottled",
    "DirectoryUnavailable",
    "Dn",
    "Guard",
    "GuardRules",
    "InvalidCredentials",
    "Limits",
    "Login",
    "Names",
    "NotADn",
    "Person",
    "Refusal",
    "Throttled",
    "address_of",
    "blocks",
    "dn_key",
    "open_guard",
    "parse_limits",
    "shield_blocks",
    "strict_dn_key",
    "wide_blocks",
]
