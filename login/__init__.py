"""May this attempt reach the directory, and how did it end?

Owns: the order of checks before a bind, the limits on failures, and how many logins run at once. Must not
know: Flask, Authlib, SQL, `models`; `login.ports` declares what a store must offer. It re-exports the
directory's outcomes, so that the protocol need not import the directory. Start reading at `service.py`.

`service` has the steps of a login; `session` how long a sign-in session lasts, and `session_records` what its
store must offer; `login_attempt` what an attempt is counted as; `limits/` the limits on failures;
`lockout_protection` the limit on failures that we add to the directory's own count;
`refused_passwords` the repetition of a refused password; `concurrency` how many logins run at once;
`response_time` the least time of a refusal; `names` and `addresses` what is one name and one network;
`blocks` which limits are reached now, for the help desk; `ports` what a store must offer; `app_passwords/`
logins with a value that stands for the password.
"""

from typing import TYPE_CHECKING

from core.lazy_exports import lazy_exports
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

if TYPE_CHECKING:
    from login.addresses import address_of, is_within, network_of
    from login.app_passwords.service import AppPasswordLoginRefused, has_changed
    from login.app_passwords.value import is_app_password
    from login.blocks import Block
    from login.limits.client_failures import ClientFailures, ClientLimits
    from login.limits.limits import Cause, ClientThrottled, Limits, Throttled, parse_limits
    from login.names import Names
    from login.ports import PASSWORD_AMR, SIGN_IN_PAGE, AppPasswordRecord
    from login.service import Login, LoginRules, LoginStores
    from login.session import ActiveSession, Browser, NewSession, SessionRules, Sessions

__all__ = [
    "PASSWORD_AMR",
    "SIGN_IN_PAGE",
    "ActiveSession",
    "AppPasswordLoginRefused",
    "AppPasswordRecord",
    "Block",
    "Browser",
    "Cause",
    "ClientFailures",
    "ClientLimits",
    "ClientThrottled",
    "DirectoryUnavailable",
    "Dn",
    "InvalidCredentials",
    "Limits",
    "Login",
    "LoginRules",
    "LoginStores",
    "Names",
    "NewSession",
    "NotADn",
    "Person",
    "Refusal",
    "SessionRules",
    "Sessions",
    "Throttled",
    "address_of",
    "dn_key",
    "has_changed",
    "is_app_password",
    "is_within",
    "network_of",
    "parse_limits",
    "strict_dn_key",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_exports(
        __name__,
        {
            "addresses": ("address_of", "is_within", "network_of"),
            "app_passwords.service": ("AppPasswordLoginRefused", "has_changed"),
            "app_passwords.value": ("is_app_password",),
            "names": ("Names",),
            "blocks": ("Block",),
            "limits.client_failures": ("ClientFailures", "ClientLimits"),
            "limits.limits": ("Cause", "ClientThrottled", "Limits", "Throttled", "parse_limits"),
            "session": ("ActiveSession", "Browser", "NewSession", "SessionRules", "Sessions"),
            "ports": ("PASSWORD_AMR", "SIGN_IN_PAGE", "AppPasswordRecord"),
            "service": ("Login", "LoginRules", "LoginStores"),
        },
    )
