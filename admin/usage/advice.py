"""What a program should move to, and why: rules over the facts of its usage.

Owns: the rules, in their order. They guess from what the server sees: users, addresses and the family of the
user agent. An owner knows better, so each advice says what it was concluded from. Must not know: how the
advice is printed.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from admin.usage.facts import BROWSERS, PHONES, ClientFacts, ServiceAccounts, counted
from core.moments import date_text
from models import APP_PASSWORDS_ONLY


class Way(StrEnum):
    """What takes the place of a Net ID password."""

    CLIENT_CREDENTIALS = "client_credentials"
    AUTHORIZATION_CODE = "authorization_code"
    DEVICE_CODE = "device_code"
    APP_PASSWORD = "app_password"  # noqa: S105 - a way, not a password
    CLOSE = "close"
    WAIT = "wait"
    NOTHING = "nothing"

    @property
    def label(self) -> str:
        """The way as people read it."""
        return _LABELS[self]


_LABELS: Mapping[Way, str] = {
    Way.CLIENT_CREDENTIALS: "client credentials",
    Way.AUTHORIZATION_CODE: "authorization code with PKCE",
    Way.DEVICE_CODE: "device grant",
    Way.APP_PASSWORD: "app passwords",
    Way.CLOSE: "nothing: close it",
    Way.WAIT: "nothing yet",
    Way.NOTHING: "nothing",
}


class Advice(NamedTuple):
    """What a client should move to.

    Args:
        grant: the way.
        why: one or two sentences about what was seen.
        language: the language of the program, one of the constants below.
        program: what the program seems to be.
    """

    grant: Way
    why: str
    language: str
    program: str


SHELL, PYTHON, JAVASCRIPT, JAVA, GO, PHP, RUBY = "shell", "python", "javascript", "java", "go", "php", "ruby"
SWIFT, KOTLIN = "swift", "kotlin"
_LANGUAGES = {
    "curl": SHELL,
    "PowerShell": SHELL,
    "python-requests": PYTHON,
    "Python-urllib": PYTHON,
    "Java": JAVA,
    "okhttp": KOTLIN,
    "axios": JAVASCRIPT,
    "node": JAVASCRIPT,
    "Go-http-client": GO,
    "PHP": PHP,
    "Ruby": RUBY,
    "iPhone": SWIFT,
    "Android": KOTLIN,
    "Chrome": JAVASCRIPT,
    "Firefox": JAVASCRIPT,
    "Safari": JAVASCRIPT,
    "Edge": JAVASCRIPT,
}
_TERMINAL = frozenset({"curl", "PowerShell"})
_SCRIPTS = frozenset({"python-requests", "Python-urllib", "Go-http-client", "Ruby"})
"""On a server it is a web application, on users' own computers a program in a terminal."""
_FEW_ADDRESSES = 3
"""A program on servers calls from at most so few addresses in a day."""
_FEW_USERS = 5
_AUTOMATIC = 24
"""Nobody types a password more often than this in a day, every day."""


def advise(facts: ClientFacts, *, days: int) -> Advice:
    """Say what a client should move to.

    Args:
        facts: what it did.
        days: the length of the period.
    """
    for rule in (_closed, _unused, _app_passwords_already, _service_accounts, _one_user, _automatic, _users):
        if (found := rule(facts, days)) is not None:
            way, program, why = found
            break
    else:
        raise AssertionError("the last rule always answers")
    return Advice(way, why, _language(facts), program)


_Found = tuple[Way, str, str] | None


def _closed(facts: ClientFacts, _days: int) -> _Found:
    if facts.client.password_grant.off_at is None:
        return None
    return Way.NOTHING, "a closed client", "Its password grant is off: nothing is left to do."


def _unused(facts: ClientFacts, days: int) -> _Found:
    if facts.logins or facts.app_password_logins or facts.refreshes:
        return None
    if facts.failures or facts.refusals:
        attempts = facts.failures + facts.refusals
        why = (
            f"No login succeeded in {days} days, and {attempts:,} failed: the program is broken or abandoned."
        )
        return Way.CLOSE, "a program whose logins fail", why
    if facts.is_new:
        registered = date_text(facts.client.created_at)
        return (
            Way.WAIT,
            "a new client",
            f"Nobody has logged in with it since it was registered on {registered}.",
        )
    return Way.CLOSE, "an unused client", f"Nobody logged in with it in {days} days."


def _app_passwords_already(facts: ClientFacts, _days: int) -> _Found:
    if facts.client.password_grant.app_passwords == APP_PASSWORDS_ONLY:
        why = "It takes app passwords only: no Net ID password reaches the directory any more."
    elif not facts.logins and facts.app_password_logins:
        why = "All its logins already use app passwords: refuse Net ID passwords now (--app-passwords only)."
    else:
        return None
    return Way.APP_PASSWORD, "a program with app passwords", why


def _service_accounts(facts: ClientFacts, _days: int) -> _Found:
    if facts.service_accounts is ServiceAccounts.NO:
        return None
    if facts.service_accounts is ServiceAccounts.BY_RULES:
        seen = "Its rules let only service accounts log in"
    else:
        seen = "All its users are service accounts"
    why = f"{seen}: the program acts for itself, and needs no user."
    return Way.CLIENT_CREDENTIALS, "a program of service accounts", why + _without_secret(facts)


def _one_user(facts: ClientFacts, _days: int) -> _Found:
    if facts.users > 1 or _group(facts) & (PHONES | BROWSERS):
        return None
    where = f"One user logs in from {_addresses(facts)}"
    if _is_on_servers(facts):
        why = f"{where}: a program that acts for itself, with a user's password."
        return Way.CLIENT_CREDENTIALS, "a script on a server", why + _without_secret(facts)
    why = f"{where}: it runs where that user works, and can ask for a sign-in."
    return Way.DEVICE_CODE, "a program in a terminal", why


def _automatic(facts: ClientFacts, days: int) -> _Found:
    each = facts.logins / days / max(facts.users, 1)
    if facts.users > _FEW_USERS or not _is_on_servers(facts) or each < _AUTOMATIC:
        return None
    often = f"{facts.users} users log in {each:,.0f} times a day each"
    why = f"{often} from {_addresses(facts)}: no person types that."
    return Way.CLIENT_CREDENTIALS, "scripts on a server", why + _without_secret(facts)


def _users(facts: ClientFacts, _days: int) -> _Found:
    group, users = _group(facts), counted(facts.users, "user")
    on_servers, where = _is_on_servers(facts), f"from {_addresses(facts)}"
    if group & PHONES or (facts.main_agent == "okhttp" and not on_servers):
        why = f"{users} from phones: the app opens the browser, where the user signs in (RFC 8252)."
        return Way.AUTHORIZATION_CODE, "an app on phones", why
    if group & BROWSERS:
        why = f"{users} from browsers: the page can send the browser here to sign in."
        return Way.AUTHORIZATION_CODE, "a page in browsers", why
    if group & _TERMINAL or (group & _SCRIPTS and not on_servers):
        why = (
            f"{users} {where} by {facts.main_agent}: it can show a code, which its user enters in a browser."
        )
        return Way.DEVICE_CODE, "a program in a terminal", why
    if not group and on_servers:
        why = (
            f"{users} {where}, by a program that does not say what it is. A mail server, a printer or an "
            "appliance can show no sign-in page. If this one can be changed, use the authorization code."
        )
        return Way.APP_PASSWORD, "a program that perhaps cannot be changed", why
    if on_servers:
        why = f"{users} {where}: a web application, which can send its users here to sign in."
        return Way.AUTHORIZATION_CODE, "a web application", why
    why = f"{users} {where}: a program on users' own devices, which have a browser."
    return Way.AUTHORIZATION_CODE, "a program on users' devices", why


def _group(facts: ClientFacts) -> frozenset[str]:
    """The main family of user agents, or nothing if it is not a known one."""
    return frozenset({facts.main_agent or ""} & _LANGUAGES.keys())


def _is_on_servers(facts: ClientFacts) -> bool:
    return facts.addresses <= _FEW_ADDRESSES


def _addresses(facts: ClientFacts) -> str:
    return "one address" if facts.addresses <= 1 else f"up to {facts.addresses:,} addresses a day"


def _without_secret(facts: ClientFacts) -> str:
    """What a public client lacks for client credentials (RFC 6749, 4.4)."""
    return " It has no secret yet: register it again, with one." if facts.client.is_public else ""


def _language(facts: ClientFacts) -> str:
    main = facts.main_agent or ""
    if main == "okhttp" and _is_on_servers(facts):
        return JAVA
    return _LANGUAGES.get(main, SHELL)
