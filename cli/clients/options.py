"""The options of a client's registration, and the changes that they ask for."""

from collections.abc import Callable
from typing import Any

import click

from cli.output import CommandRefused
from models import APP_PASSWORD_CHOICES
from oauth.clients.registration import FLAGS, NONE, REQUIRE_PAR, TOKEN_FORMATS
from oauth.clients.restriction_rules import RESTRICTIONS
from oauth.clients.sign_in_rules import PKCE_OPTIONAL
from oauth.policy.restrictions import DEFAULT_AUDIENCE

_METADATA = (
    click.option(
        "--grant",
        "grant_types",
        multiple=True,
        metavar="GRANT",
        help="A grant type that the client may use, such as authorization_code; repeatable.",
    ),
    click.option(
        "--scope", multiple=True, help="Scopes that the client may get; repeatable, or separated by spaces."
    ),
    click.option(
        "--default-scope", help="The scope of a request that asks for none (default: all its scopes)."
    ),
    click.option(
        "--redirect-uri",
        "redirect_uris",
        multiple=True,
        metavar="URI",
        help="An address to which the user's browser returns (authorization_code); repeatable.",
    ),
    click.option(
        "--post-logout-redirect-uri",
        "post_logout_redirect_uris",
        multiple=True,
        metavar="URI",
        help="An address to which the user's browser may go after a logout; repeatable.",
    ),
    click.option(
        "--backchannel-logout-uri",
        metavar="URI",
        help="An address of the client that the server tells of a logout.",
    ),
    click.option(
        "--auth-method",
        metavar="METHOD",
        help="How the client authenticates: client_secret_basic (default), client_secret_post, none.",
    ),
    click.option("--public", is_flag=True, help="The client has no secret: the same as --auth-method none."),
    click.option(
        "--first-party/--third-party",
        default=None,
        help="Whether the client is the campus's own, so that users are not asked for consent.",
    ),
    click.option(
        "--pkce",
        type=click.Choice(("required", "optional")),
        help="Whether sign-in needs PKCE (RFC 7636). Only OpenID clients with a secret may do without.",
    ),
    click.option(
        "--require-par/--no-require-par",
        REQUIRE_PAR,
        default=None,
        help="Whether the client must push its authorization requests (RFC 9126).",
    ),
    click.option(
        "--strict-auth-method/--no-strict-auth-method",
        default=None,
        help="Whether its secret is accepted by its --auth-method only, not by Basic and form.",
    ),
    click.option("--owner", help="Who is responsible for the client, such as a mail address."),
    click.option(
        "--resource-server/--no-resource-server",
        default=None,
        help="Whether the client is an API that may introspect tokens.",
    ),
    click.option(
        "--allow-public-password/--no-allow-public-password",
        default=None,
        help="Whether a public client, which has no secret, may use the password grant.",
    ),
    click.option(
        "--keep-refresh-token/--rotate-refresh-token",
        default=None,
        help="Whether the refresh token stays the same at a refresh (not for public clients).",
    ),
    click.option(
        "--url-encoding-hints/--no-url-encoding-hints",
        default=None,
        help="Whether errors hint that a password was probably not URL-encoded.",
    ),
    click.option(
        "--tolerant-scope/--strict-scope",
        default=None,
        help="Whether a request for a scope that the client may not get succeeds without that scope.",
    ),
    click.option(
        "--pairwise-subject/--public-subject",
        default=None,
        help="Whether the client gets its own sub for each user, which no other client sees.",
    ),
    click.option(
        "--id-token/--no-id-token",
        default=None,
        help="Whether the client gets an ID token with the scope openid.",
    ),
    click.option(
        "--told-reasons/--no-told-reasons",
        default=None,
        help="Whether errors tell the client why a login was refused.",
    ),
    click.option(
        "--access-token-format",
        type=click.Choice(TOKEN_FORMATS),
        help="opaque, or the algorithm that signs JWT access tokens (RFC 9068).",
    ),
    click.option(
        "--audience",
        "audiences",
        multiple=True,
        metavar="URI",
        help="An API (resource, RFC 8707) that the client may get tokens for, or that it is; repeatable.",
    ),
    click.option(
        "--default-audience",
        multiple=True,
        metavar="URI",
        help="The audience of a request without resource, for programs that cannot send one; repeatable.",
    ),
    click.option(
        "--release",
        "released_claims",
        multiple=True,
        metavar="CLAIM",
        help="Release only these claims about users; repeatable.",
    ),
    click.option(
        "--allow-member",
        "allow_members",
        multiple=True,
        metavar="RULE",
        help="Allow only these users: group:DN or affiliation:NAME; repeatable.",
    ),
    click.option(
        "--refuse-member",
        "refuse_members",
        multiple=True,
        metavar="RULE",
        help="Refuse these users, even allowed ones; repeatable.",
    ),
    click.option(
        "--app-passwords",
        type=click.Choice(APP_PASSWORD_CHOICES),
        help="Whether it accepts app passwords: not at all, beside Net ID passwords, or nothing else.",
    ),
    click.option(
        "--network",
        "networks",
        multiple=True,
        metavar="CIDR",
        help="A network that the client may connect from; repeatable.",
    ),
    click.option(
        "--cors-origin",
        "cors_origins",
        multiple=True,
        metavar="ORIGIN",
        help="The origin of a page that is a public client; repeatable.",
    ),
)


def metadata_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a client's metadata."""
    for option in reversed(_METADATA):
        command = option(command)
    return command


def registration_changes(options: dict[str, Any]) -> dict[str, Any]:
    """The changes of a registration that the given options ask for, as `admin.clients.changed` takes them.

    A repeatable option may hold several values with spaces between them; an empty value clears the list.
    """
    changes: dict[str, Any] = {
        field: None if options[field] == "" else options[field]
        for field in ("default_scope", "owner", "resource_server", "backchannel_logout_uri")
        if options[field] is not None
    }
    lists = ("grant_types", "redirect_uris", "post_logout_redirect_uris", "audiences")
    changes |= {field: _distinct(options[field]) for field in lists if options[field]}
    if options["scope"]:
        changes["scope"] = " ".join(_distinct(options["scope"]))
    if options["released_claims"]:
        changes["released_claims"] = tuple(" ".join(options["released_claims"]).split()) or None
    if options["access_token_format"]:
        changes["access_token_format"] = options["access_token_format"]
    if restrictions := _restrictions(options):
        changes["restrictions"] = restrictions
    if method := _auth_method(options):
        changes["token_endpoint_auth_method"] = method
    if flags := _flags(options):
        changes["flags"] = flags
    return changes


def _auth_method(options: dict[str, Any]) -> str | None:
    """How the client authenticates, if an option says so.

    Raises:
        CommandRefused: two options contradict each other.
    """
    method: str | None = options["auth_method"]
    if not options["public"]:
        return method
    if method not in {None, NONE}:
        raise CommandRefused("--public is --auth-method none: give one of them.")
    return NONE


def _flags(options: dict[str, Any]) -> dict[str, bool]:
    flags = {name: options[name] for name in FLAGS if options.get(name) is not None}
    if options["pkce"] is not None:
        flags[PKCE_OPTIONAL] = options["pkce"] == "optional"
    return flags


def _restrictions(options: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    # A DN may hold spaces, so each value of most options is one value as it stands.
    restrictions = {name: tuple(filter(None, options[name])) for name in RESTRICTIONS if options[name]}
    if DEFAULT_AUDIENCE in restrictions:
        restrictions[DEFAULT_AUDIENCE] = _distinct(restrictions[DEFAULT_AUDIENCE])
    return restrictions


def _distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(" ".join(values).split()))
