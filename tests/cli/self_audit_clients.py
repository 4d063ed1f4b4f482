"""Misconfigurations of clients, app passwords and keys that the audit of the server itself must find."""

from tests.cli.self_audit_seeds import (
    ENDS,
    OWNED,
    PASSWORD,
    Seed,
    app_password,
    client,
    imported,
    later,
    rows,
    run,
)

WEB = ("--grant", "authorization_code", "--redirect-uri", "https://portal.campus.example/callback", *OWNED)
MACHINE = ("--grant", "client_credentials", *OWNED)
APP = ("--grant", "authorization_code", "--public", "--owner", "it@campus.example")
PUBLIC_PASSWORD = ("--grant", "password", "--public", "--allow-public-password", "--owner", "it@x.example")
BROWN_OUT = ("password-grant", "set", "CLIENT", "--brown-out", "2027-02-01T09:00/2h")
DATE = {"DATE": "2028-06-30"}

SPA = ("--redirect-uri", "https://spa.campus.example/callback")

CLIENTS = (
    Seed(
        "anybody_tries_passwords_in_the_name_of_a_public_client",
        "password-grant-public",
        "high",
        acts=[client(*PUBLIC_PASSWORD)],
    ),
    Seed(
        "password_grant_has_no_end",
        "password-grant-without-end",
        "medium",
        acts=[client(*PASSWORD)],
        mended=DATE,
    ),
    Seed(
        "password_grant_ends_in_the_far_future",
        "password-grant-end-far",
        "low",
        acts=[client(*PASSWORD), run("password-grant", "set", "CLIENT", "--ends", "2035-01-01")],
        mended=DATE,
    ),
    Seed(
        "ended_password_grant_is_still_registered",
        "password-grant-still-registered",
        "note",
        acts=[client(*PASSWORD), run("password-grant", "set", "CLIENT", "--off")],
    ),
    Seed(
        "password_grant_beside_its_replacement",
        "password-grant-beside-code",
        "low",
        acts=[client(*PASSWORD, *WEB)],
        mended=DATE,
    ),
    Seed(
        "nothing_follows_the_brown_outs",
        "brown-outs-over",
        "low",
        acts=[client(*PASSWORD), run(*BROWN_OUT), later(60)],
        mended=DATE,
    ),
    Seed(
        "new_people_begin_to_use_an_ending_grant",
        "password-grant-open-to-new-people",
        "note",
        acts=[client(*PASSWORD), run("password-grant", "set", "CLIENT", "--ends", "2027-06-30")],
    ),
    Seed(
        "app_passwords_alone_but_no_service_account",
        "app-passwords-impossible",
        "medium",
        {
            "NETID_LDAP_BIND_DN": "",
            "NETID_LDAP_BIND_PASSWORD": "",
            "NETID_LDAP_USER_DN_TEMPLATE": "uid={username},ou=people,dc=campus,dc=example",
        },
        [client(*PASSWORD, "--app-passwords", "only")],
        None,
    ),
    Seed(
        "client_has_no_owner",
        "client-without-owner",
        "low",
        acts=[client("--grant", "client_credentials")],
        mended={"ADDRESS": "it@campus.example"},
    ),
    Seed("imported_secret_can_be_guessed", "secret-weak", "medium", acts=[imported("letmein")], mended=None),
    Seed(
        "guessable_secret_was_never_replaced",
        "secret-weak",
        "high",
        acts=[imported("letmein"), later(91)],
        mended=None,
    ),
    Seed(
        "secret_has_not_been_replaced_for_years",
        "secret-old",
        "low",
        acts=[client(*MACHINE), later(800)],
    ),
    Seed(
        "nobody_uses_a_client_whose_secret_works",
        "client-unused",
        "low",
        acts=[client(*MACHINE), later(91)],
    ),
    Seed(
        "each_secret_of_a_client_has_ended",
        "client-without-live-secret",
        "note",
        acts=[client(*MACHINE), run("client", "retire-secret", "CLIENT", "1")],
    ),
    Seed(
        "anybody_introspects_for_a_public_api",
        "resource-server-public",
        "high",
        acts=[
            client(*APP, "--redirect-uri", "edu.campus:/cb"),
            rows("UPDATE client SET resource_server = true"),
        ],
    ),
    Seed(
        "stolen_refresh_token_is_not_noticed",
        "refresh-token-kept",
        "low",
        acts=[client(*WEB, "--grant", "refresh_token", "--keep-refresh-token")],
    ),
    Seed(
        "client_is_told_why_logins_fail",
        "reasons-told",
        "low",
        acts=[client(*WEB, "--told-reasons")],
    ),
    Seed(
        "hints_at_a_fault_are_left_on",
        "encoding-hints-left-on",
        "note",
        acts=[client(*WEB, "--url-encoding-hints")],
    ),
    Seed(
        "client_asks_for_more_than_it_may_have",
        "scope-tolerant",
        "note",
        acts=[client(*WEB, "--tolerant-scope")],
    ),
    Seed(
        "secret_is_accepted_by_any_method",
        "auth-method-any",
        "note",
        acts=[client(*WEB, "--no-strict-auth-method")],
    ),
    Seed(
        "jwt_is_for_every_api",
        "token-without-audience",
        "low",
        acts=[client(*MACHINE, "--access-token-format", "ES256")],
        mended={"URI": "https://api.campus.example"},
    ),
    Seed(
        "network_is_most_of_the_internet",
        "network-unlimited",
        "low",
        acts=[client(*MACHINE, "--network", "192.0.2.0/24", "--network", "0.0.0.0/1")],
        mended={"CIDR": "192.0.2.0/24"},
    ),
    Seed(
        "page_that_reads_tokens_is_plain_http",
        "cors-origin-http",
        "medium",
        acts=[client(*APP, *SPA, "--cors-origin", "http://spa.campus.example")],
        mended={"ORIGIN": "https://spa.campus.example"},
    ),
    Seed(
        "app_password_for_both_halves_of_the_internet",
        "app-password-long-and-open",
        "medium",
        acts=[client(*PASSWORD), run(*ENDS), app_password(days=365, networks=("0.0.0.0/1", "128.0.0.0/1"))],
        mended=None,
    ),
    Seed(
        "star_in_a_redirect_uri",
        "redirect-uri-wildcard",
        "medium",
        acts=[client(*WEB, "--redirect-uri", "https://portal.campus.example/*")],
        mended={"URI": "https://portal.campus.example/cb"},
    ),
    Seed(
        "code_crosses_the_network_in_clear_text",
        "redirect-uri-http",
        "high",
        acts=[client(*MACHINE, "--redirect-uri", "http://portal.campus.example/cb")],
        mended={"URI": "https://portal.campus.example/cb"},
    ),
    Seed(
        "secret_on_the_machines_of_users",
        "redirect-uri-local-with-secret",
        "medium",
        acts=[client(*WEB, "--redirect-uri", "http://127.0.0.1/cb")],
        mended={"URI": "https://portal.campus.example/cb"},
    ),
    Seed(
        "localhost_need_not_be_this_machine",
        "redirect-uri-localhost",
        "low",
        acts=[client(*APP, "--redirect-uri", "http://localhost/cb")],
        mended={"URI": "http://127.0.0.1/cb"},
    ),
    Seed(
        "redirect_uri_leads_on_to_any_address",
        "redirect-uri-forwarding",
        "low",
        acts=[client(*WEB, "--redirect-uri", "https://portal.campus.example/go?next=")],
        mended={"URI": "https://portal.campus.example/cb"},
    ),
    Seed(
        "redirect_uri_without_its_grant",
        "redirect-uri-without-grant",
        "note",
        acts=[client(*MACHINE, "--redirect-uri", "https://portal.campus.example/cb")],
    ),
    Seed(
        "sign_in_without_pkce",
        "pkce-optional",
        "medium",
        acts=[client(*WEB, "--scope", "openid", "--pkce", "optional")],
    ),
    Seed(
        "public_client_gets_codes_without_consent",
        "first-party-public",
        "medium",
        acts=[client(*APP, "--redirect-uri", "https://spa.campus.example/cb", "--first-party")],
    ),
    Seed(
        "program_of_another_domain_needs_no_consent",
        "first-party-elsewhere",
        "low",
        acts=[client(*WEB, "--redirect-uri", "https://vendor.example.org/cb", "--first-party")],
    ),
    Seed(
        "app_password_for_a_year_and_any_network",
        "app-password-long-and-open",
        "medium",
        acts=[client(*PASSWORD), run(*ENDS), app_password(days=365, networks=())],
        mended=None,
    ),
    Seed(
        "app_password_for_a_year",
        "app-password-long",
        "low",
        acts=[client(*PASSWORD), run(*ENDS), app_password(days=365)],
        mended=None,
    ),
    Seed(
        "app_password_for_any_network",
        "app-password-any-network",
        "note",
        acts=[client(*PASSWORD), run(*ENDS), app_password(days=90, networks=())],
        mended=None,
    ),
    Seed(
        "app_password_that_its_client_cannot_use",
        "app-password-without-use",
        "low",
        acts=[client(*MACHINE), app_password(days=90)],
    ),
    Seed(
        "signing_key_is_more_than_a_year_old",
        "signing-key-old",
        "low",
        acts=[run("key", "rotate"), later(400)],
    ),
    Seed(
        "signing_key_is_four_years_old",
        "signing-key-old",
        "medium",
        acts=[run("key", "rotate"), later(4 * 366)],
    ),
    Seed(
        "no_key_signs",
        "signing-key-absent",
        "high",
        acts=[run("key", "rotate"), rows("UPDATE signing_key SET retired_at = 1")],
    ),
    Seed(
        "nothing_purges",
        "purge-overdue",
        "low",
        acts=[run("key", "rotate"), run("key", "rotate", "--now", "--yes"), later(30)],
    ),
)
"""Misconfigurations of clients, app passwords and keys."""
