"""A sound configuration, and misconfigurations of it that the audit of the server itself must find."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import text

from cli.server.local_tls import LocalTls
from models import AppPassword, AppPasswordStore, db
from telemetry import AuditEvent
from tests.conftest import Site

DAY = 86_400
SOUND: Mapping[str, str] = {
    "NETID_ISSUER": "https://oauth.campus.example",
    "NETID_TRUSTED_PROXIES": "1",
    "NETID_PROXY_HEADER": "Forwarded",
    "NETID_CONTACT": "identity@campus.example",
    "NETID_LDAP_URI": "ldaps://ldap.campus.example",
    "NETID_LDAP_USER_BASE": "ou=people,dc=campus,dc=example",
    "NETID_LDAP_BIND_DN": "cn=netid-oauth,ou=services,dc=campus,dc=example",
    "NETID_LDAP_BIND_PASSWORD": "a password of the service account",
    "NETID_LDAP_PRIVACY_ATTRIBUTE": "suppressPublic=TRUE",
    "NETID_REFUSE_MEMBERS": "group:cn=admins,ou=groups,dc=campus,dc=example",
    "NETID_PASSWORD_GRANT_HELP_URI": "https://www.campus.example/password-grant",
}
"""A server behind a proxy on its own host."""
SOUND_NOTES = {"directory-ca-absent", "secret-in-environment"}
"""What the audit notes of these settings."""

OWNED = ("--owner", "it@campus.example", "--strict-auth-method")
PASSWORD = ("--grant", "password", *OWNED)

Act = Callable[[Site], object]
"""What is done to a server with the sound settings."""


class Seed(NamedTuple):
    """One misconfiguration.

    - `claim`: what is wrong, as the name of its test.
    - `finding`, `weight`: what the audit must say.
    - `settings`: what replaces the sound settings.
    - `acts`: what is done then.
    - `mended`: texts that stand for the placeholders of the proposed remedy; None if no command or setting
      removes the finding at once.
    """

    claim: str
    finding: str
    weight: str
    settings: Mapping[str, str] = {}
    acts: Sequence[Act] = ()
    mended: Mapping[str, str] | None = {}


def client(*options: str) -> Act:
    """Register a client by its command."""
    return lambda site: site.run("client", "create", "A program", *options)


def run(*arguments: str) -> Act:
    """Run a command, in which `CLIENT` is the client's name."""
    return lambda site: site.run(*("A program" if each == "CLIENT" else each for each in arguments))


def later(days: int) -> Act:
    """Let days go by."""

    def move(site: Site) -> None:
        site.clock.now += days * DAY

    return move


def rows(statement: str) -> Act:
    """Change rows as no command would."""

    def change(site: Site) -> None:
        with site.app.app_context(), db.engine.begin() as link:
            link.execute(text(statement))

    return change


def imported(secret: str) -> Act:
    """Import a client with a secret of its own."""
    given = (
        f'[{{"client_id": "old", "client_name": "A program", "client_secret": "{secret}", "owner": "it"}}]'
    )
    return lambda site: site.run("client", "import", "-", stdin=given)


def app_password(*, days: int, networks: Sequence[str] = ("192.0.2.0/24",)) -> Act:
    """Store an app password for the only client."""

    def add(site: Site) -> None:
        now = int(site.clock())
        with site.app.app_context():
            with db.engine.connect() as link:
                client_id = str(link.scalar(text("SELECT client_id FROM client")))
            made = AppPassword(
                id=b"i" * 16,
                client_id=client_id,
                directory="default",
                subject="stable id",
                net_id="alice",
                label="cron job",
                scope="",
                networks=networks,
                created_at=now,
                expires_at=now + days * DAY,
            )
            event = AuditEvent(event="app_password.created", at=now)
            AppPasswordStore(site.clock).add(made, b"d" * 32, event)

    return add


def old_key_file(site: Site) -> None:
    """Let the file of the server key be ten years older than the clock of the server."""
    at = site.clock.now - 3650 * DAY
    os.utime(Path(site.app.instance_path) / "secret.key", (at, at))


def certificate(folder: Path) -> Mapping[str, str]:
    """The settings of a certificate that is made in a folder."""
    made = LocalTls(folder)
    made.ensure()
    return {"NETID_TLS_CERT_FILE": str(made.certificate), "NETID_TLS_KEY_FILE": str(made.key)}


ENDS = ("password-grant", "set", "CLIENT", "--ends", "2027-06-30", "--closed-to-new-people")
KEY_PAIR = "8f3c1d7ab94e2056d1f8a7c3e94b6072 5be0a94f7d2c816390c7e1b5d3fa2846"

SETTINGS = (
    Seed(
        "other_hosts_send_passwords_over_plain_http",
        "plain-http-for-other-hosts",
        "high",
        {"NETID_BIND": "0.0.0.0:8080", "NETID_ALLOW_PLAIN_HTTP": "true", "NETID_TRUSTED_PROXIES": "0"},
        mended=None,
    ),
    Seed(
        "published_passwords_work_behind_a_public_issuer",
        "embedded-directory-reachable",
        "high",
        {"NETID_LDAP_URI": "embedded:directory/campus.ldif"},
    ),
    Seed(
        "no_limit_on_guesses_at_a_user",
        "limit-off",
        "high",
        {"NETID_LIMIT_PERSON": ""},
    ),
    Seed(
        "no_limit_on_guesses_from_an_address",
        "limit-off",
        "medium",
        {"NETID_LIMIT_ADDRESS": ""},
    ),
    Seed(
        "no_limit_on_guesses_at_client_secrets",
        "limit-off",
        "medium",
        {"NETID_LIMIT_AUTHENTICATION_ADDRESS": ""},
    ),
    Seed(
        "thousands_of_guesses_at_a_user_each_day",
        "limit-high",
        "medium",
        {"NETID_LIMIT_PERSON": "100/15minutes"},
    ),
    Seed("guesses_here_lock_users_out", "shield-off", "medium", {"NETID_SHIELD_BUDGET": "0"}),
    Seed("shield_as_large_as_a_lockout", "shield-large", "low", {"NETID_SHIELD_BUDGET": "10"}),
    Seed("issuer_is_plain_http", "issuer-without-https", "low", {"NETID_ISSUER": "http://localhost:8080"}),
    Seed(
        "plain_http_is_allowed_without_a_use",
        "plain-http-left-on",
        "low",
        {"NETID_ALLOW_PLAIN_HTTP": "true"},
    ),
    Seed(
        "embedded_directory_is_allowed_without_a_use",
        "embedded-directory-left-on",
        "low",
        {"NETID_ALLOW_EMBEDDED_DIRECTORY": "true"},
    ),
    Seed("proxy_is_not_counted", "proxy-not-counted", "medium", {"NETID_TRUSTED_PROXIES": "0"}),
    Seed("more_proxies_than_anybody_has", "proxies-many", "medium", {"NETID_TRUSTED_PROXIES": "9"}),
    Seed(
        "header_of_the_proxy_can_be_imitated",
        "proxy-header-imitable",
        "note",
        {"NETID_PROXY_HEADER": "X-Forwarded-For"},
    ),
    Seed(
        "registered_urls_reach_the_internal_network",
        "outgoing-to-private-addresses",
        "medium",
        {"NETID_OUTGOING_ALLOW_PRIVATE": "true"},
    ),
    Seed(
        "sign_in_may_lead_to_every_host_of_a_domain",
        "callback-origins-broad",
        "medium",
        {"NETID_CALLBACK_ORIGINS": "https://*.campus.example"},
        mended={"the single origins that programs need": "https://apps.campus.example"},
    ),
    Seed(
        "access_tokens_live_for_days",
        "access-token-long",
        "medium",
        {"NETID_ACCESS_TOKEN_TTL": "259200"},
    ),
    Seed("access_tokens_live_all_day", "access-token-long", "low", {"NETID_ACCESS_TOKEN_TTL": "36000"}),
    Seed(
        "refresh_tokens_live_for_a_year",
        "refresh-token-long",
        "low",
        {"NETID_REFRESH_TOKEN_TTL": "31536000"},
    ),
    Seed("login_lives_for_years", "grant-long", "low", {"NETID_GRANT_TTL": "94608000"}),
    Seed(
        "thief_may_refresh_for_minutes", "replay-window-long", "low", {"NETID_REFRESH_REPLAY_WINDOW": "300"}
    ),
    Seed("grants_have_no_cap", "grants-uncapped", "low", {"NETID_GRANTS_PER_PERSON": "100000"}),
    Seed("browser_stays_signed_in_for_weeks", "session-long", "medium", {"NETID_SESSION_TTL": "2592000"}),
    Seed(
        "forgotten_browser_stays_signed_in",
        "session-idle-long",
        "low",
        {"NETID_SESSION_IDLE_TTL": "43200"},
    ),
    Seed(
        "page_for_new_passwords_is_plain_http",
        "help-page-http",
        "medium",
        {"NETID_PASSWORD_HELP_URI": "http://www.campus.example/password"},
    ),
    Seed(
        "app_passwords_may_live_for_years",
        "app-password-days-many",
        "medium",
        {"NETID_APP_PASSWORD_MAX_DAYS": "3650"},
    ),
    Seed("audit_forgets_after_a_month", "audit-short", "medium", {"NETID_AUDIT_RETENTION": "30"}),
    Seed("audit_forgets_after_a_term", "audit-short", "low", {"NETID_AUDIT_RETENTION": "120"}),
    Seed(
        "power_failure_revives_revoked_tokens",
        "database-not-durable",
        "low",
        {"NETID_SQLITE_SYNCHRONOUS": "NORMAL"},
    ),
    Seed(
        "users_are_searched_anonymously",
        "directory-anonymous",
        "note",
        {"NETID_LDAP_BIND_DN": "", "NETID_LDAP_BIND_PASSWORD": ""},
        mended=None,
    ),
    Seed(
        "refresh_cannot_see_that_an_account_ended",
        "directory-blind",
        "low",
        {
            "NETID_LDAP_BIND_DN": "",
            "NETID_LDAP_BIND_PASSWORD": "",
            "NETID_LDAP_USER_DN_TEMPLATE": "uid={username},ou=people,dc=campus,dc=example",
        },
        mended=None,
    ),
    Seed(
        "directory_on_this_machine_without_tls",
        "directory-without-tls",
        "note",
        {"NETID_LDAP_URI": "ldap://127.0.0.1", "NETID_LDAP_START_TLS": "false"},
    ),
    Seed(
        "password_that_must_be_changed_works",
        "must-change-allowed",
        "low",
        {"NETID_LDAP_ALLOW_MUST_CHANGE": "true"},
    ),
    Seed("no_user_is_private", "privacy-unmarked", "note", {"NETID_LDAP_PRIVACY_ATTRIBUTE": ""}),
    Seed("nobody_can_be_asked_for_a_client", "contact-absent", "note", {"NETID_CONTACT": ""}),
    Seed(
        "older_server_key_is_still_listed",
        "server-keys-several",
        "low",
        {"NETID_SECRET_KEY": KEY_PAIR},
        mended=None,
    ),
    Seed("server_key_is_ten_years_old", "server-key-old", "low", acts=[old_key_file], mended=None),
    Seed(
        "administrators_log_in_by_password",
        "administrators-by-password",
        "low",
        {"NETID_REFUSE_MEMBERS": ""},
        [client(*PASSWORD), run(*ENDS)],
    ),
    Seed(
        "ending_grant_has_no_help_page",
        "password-grant-help-absent",
        "low",
        {"NETID_PASSWORD_GRANT_HELP_URI": ""},
        [client(*PASSWORD), run(*ENDS)],
    ),
)
"""Misconfigurations of settings."""
