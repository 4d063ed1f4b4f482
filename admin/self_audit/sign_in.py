"""Checks of sign-in: redirect URIs, PKCE, consent, sessions and links of pages."""

from collections.abc import Callable, Iterator
from urllib.parse import parse_qsl

from admin.self_audit.finding import Check, Trouble, Weight, command, host_of, of_client, of_setting
from admin.self_audit.snapshot import DAY, Snapshot
from core.setting_rules import is_loopback
from models import Client
from oauth.clients.sign_in_rules import AUTHORIZATION_CODE, FIRST_PARTY, PKCE_OPTIONAL

_HOUR = 3600
LONG_SESSION, TOO_LONG_SESSION = DAY, 7 * DAY
"""Seconds of a session beyond which it is long, and too long."""
LONG_IDLE = 8 * _HOUR
"""Seconds without use beyond which an idle session is long: a day of work."""
_REPLACE = "--redirect-uri URI"
_EXACT = ("RFC 9700, 2.1", "ASVS 10.4.1")
# Names of parameters by which programs send a browser on to any address (RFC 9700, 4.11.1).
_FORWARDING = frozenset(
    {"continue", "dest", "destination", "next", "redirect", "redirect_uri", "return", "url"}
)


def _wildcard(snapshot: Snapshot) -> Iterator[Trouble]:
    """A redirect URI has a star: it is compared literally, so somebody expects a pattern to match."""
    yield from _redirect_uris(
        snapshot,
        lambda _client, uri: "*" in uri,
        "The redirect URI {uri} has a star, which is no pattern: register the addresses themselves.",
    )


def _plain_http(snapshot: Snapshot) -> Iterator[Trouble]:
    """A redirect URI is plain http on another host, so codes would cross the network in clear text."""
    yield from _redirect_uris(
        snapshot,
        lambda _client, uri: uri.startswith("http://") and not is_loopback(host_of(uri)),
        "The redirect URI {uri} has no https: a code would cross the network in clear text.",
    )


def _local_confidential(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client with a secret has a redirect URI on the user's machine, where no secret can be kept."""
    yield from _redirect_uris(
        snapshot,
        lambda client, uri: not client.is_public and not _is_web(uri),
        "The redirect URI {uri} is on the user's machine, where this client cannot keep its secret.",
        when=lambda client: AUTHORIZATION_CODE in client.grant_types,
    )


def _localhost(snapshot: Snapshot) -> Iterator[Trouble]:
    """A native app's redirect URI names localhost, which a resolver may give any address."""
    yield from _redirect_uris(
        snapshot,
        lambda client, uri: client.is_public and uri.startswith("http://") and host_of(uri) == "localhost",
        "The redirect URI {uri} names localhost, which need not be this machine: use 127.0.0.1.",
    )


def _forwarding(snapshot: Snapshot) -> Iterator[Trouble]:
    """A redirect URI has a parameter by which the program may send the browser to any address."""
    yield from _redirect_uris(
        snapshot,
        lambda _client, uri: _names_further_address(uri),
        "The redirect URI {uri} names a further address: its program may be an open redirector.",
    )


def _without_code(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client has redirect URIs without the authorization code grant, as one of the implicit grant had."""
    for client in snapshot.enabled:
        if client.redirect_uris and AUTHORIZATION_CODE not in client.grant_types:
            yield of_client(
                client,
                "It has redirect URIs, but not the authorization code grant: nothing may be sent there.",
                command("client update", client, '--redirect-uri ""'),
            )


def _pkce_optional(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client may sign users in without PKCE."""
    for client in snapshot.enabled:
        if client.flags.get(PKCE_OPTIONAL):
            yield of_client(
                client,
                "It may do without PKCE: then only its nonce protects against an injected code.",
                command("client update", client, "--pkce required"),
                weight=Weight.HIGH if client.is_public else None,
            )


def _first_party_public(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client gets codes without consent, though it cannot prove who it is."""
    for client in snapshot.enabled:
        if client.flags.get(FIRST_PARTY) and client.is_public:
            yield of_client(
                client,
                "Users are not asked for consent, though this client cannot prove who it is.",
                command("client update", client, "--third-party"),
            )


def _first_party_elsewhere(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client of the campus's own, which needs no consent, is on a host of another domain."""
    own = _domain(snapshot.issuer_host)
    for client in () if snapshot.is_local else snapshot.enabled:
        hosts = [host_of(uri) for uri in client.redirect_uris if _is_web(uri)]
        elsewhere = [host for host in hosts if _domain(host) != own]
        if client.flags.get(FIRST_PARTY) and elsewhere:
            yield of_client(
                client,
                f"Users are not asked for consent, but {elsewhere[0]} is outside {own}.",
                command("client update", client, "--third-party"),
            )


def _session(snapshot: Snapshot) -> Iterator[Trouble]:
    """A sign-in in a browser lives long."""
    seconds = snapshot.settings.session_ttl
    if seconds > LONG_SESSION:
        yield of_setting(
            "session_ttl",
            f"{{setting}} lets a sign-in live {seconds // _HOUR} hours, also in a browser that others use.",
            "43200",
            weight=Weight.MEDIUM if seconds > TOO_LONG_SESSION else None,
        )


def _idle_session(snapshot: Snapshot) -> Iterator[Trouble]:
    """A sign-in in a browser outlives a long time without use."""
    seconds = min(snapshot.settings.session_idle_ttl, snapshot.settings.session_ttl)
    if seconds > LONG_IDLE:
        yield of_setting(
            "session_idle_ttl",
            f"{{setting}} keeps a sign-in for {seconds // _HOUR} hours without use.",
            "7200",
        )


def _http_links(snapshot: Snapshot) -> Iterator[Trouble]:
    """A page where users change their password, or that errors name, is not https."""
    for name in ("password_help_uri", "password_grant_help_uri"):
        uri = getattr(snapshot.settings, name)
        if uri is not None and uri.startswith("http://"):
            yield of_setting(
                name,
                "{setting} has no https: who changes the page on its way can ask users for their password.",
                "https://" + uri.removeprefix("http://"),
            )


def _no_contact(snapshot: Snapshot) -> Iterator[Trouble]:
    """No page says where one reports a fault or asks to register a program."""
    if snapshot.settings.contact is None:
        yield of_setting(
            "contact",
            "{setting} is not set: nobody learns where to register a program or to report a fault.",
            "identity@example.edu",
        )


def _redirect_uris(
    snapshot: Snapshot,
    is_wrong: Callable[[Client, str], bool],
    sentence: str,
    *,
    when: Callable[[Client], bool] = lambda _: True,
) -> Iterator[Trouble]:
    """One trouble for each client with such a redirect URI, about the first one."""
    for client in filter(when, snapshot.enabled):
        wrong = [uri for uri in client.redirect_uris if is_wrong(client, uri)]
        if wrong:
            mend = command("client update", client, _REPLACE)
            yield of_client(client, sentence.replace("{uri}", wrong[0]), mend)


def _names_further_address(uri: str) -> bool:
    names = {name.lower() for name, _ in parse_qsl(uri.partition("?")[2], keep_blank_values=True)}
    return not _FORWARDING.isdisjoint(names)


def _is_web(uri: str) -> bool:
    """Whether the URI is that of a web server on another machine than the user's."""
    return uri.startswith(("https://", "http://")) and not is_loopback(host_of(uri))


def _domain(host: str) -> str:
    return ".".join(host.split(".")[-2:])


CHECKS = (
    Check("redirect-uri-wildcard", Weight.MEDIUM, _wildcard, _EXACT),
    Check("redirect-uri-http", Weight.HIGH, _plain_http, ("RFC 9700, 2.6",)),
    Check(
        "redirect-uri-local-with-secret",
        Weight.MEDIUM,
        _local_confidential,
        ("RFC 8252, 8.5",),
    ),
    Check("redirect-uri-localhost", Weight.LOW, _localhost, ("RFC 8252, 8.3",)),
    Check("redirect-uri-forwarding", Weight.LOW, _forwarding, ("RFC 9700, 4.11.1",)),
    Check("redirect-uri-without-grant", Weight.NOTE, _without_code, ("RFC 9700, 2.1.2", "ASVS 10.4.4")),
    Check("pkce-optional", Weight.MEDIUM, _pkce_optional, ("RFC 9700, 2.1.1", "ASVS 10.4.6")),
    Check("first-party-public", Weight.MEDIUM, _first_party_public, ("ASVS 10.7.1",)),
    Check("first-party-elsewhere", Weight.LOW, _first_party_elsewhere, ("ASVS 10.7.1",)),
    Check("session-long", Weight.LOW, _session),
    Check("session-idle-long", Weight.LOW, _idle_session),
    Check("help-page-http", Weight.MEDIUM, _http_links),
    Check("contact-absent", Weight.NOTE, _no_contact),
)
"""The checks of this subject, in the order of their findings."""
