"""Checks of addresses, TLS, proxies, and requests that the server sends."""

from collections.abc import Iterator

from admin.self_audit.finding import Check, Trouble, Weight, of_setting
from admin.self_audit.snapshot import Snapshot
from core.setting_rules import is_loopback

MAX_PROXIES = 3
"""A proxy of a content network, one of the campus and one of the cluster: nobody has more of them."""
_BROAD_LABELS = 2
"""A star above so few labels stands for every host of a domain."""


def _issuer_without_https(snapshot: Snapshot) -> Iterator[Trouble]:
    """The issuer is not an https URL."""
    if snapshot.settings.issuer.startswith("http://"):
        yield of_setting(
            "issuer",
            "{setting} has no https: clients on other hosts would send passwords and tokens in clear text.",
            "https://login.example.edu",
        )


def _plain_http(snapshot: Snapshot) -> Iterator[Trouble]:
    """Other hosts can reach the server over plain HTTP."""
    settings = snapshot.settings
    if is_loopback(settings.bind_host) or settings.tls_cert_file is not None:
        return
    if settings.trusted_proxies == 0:
        yield of_setting(
            "allow_plain_http",
            "{setting} lets other hosts send passwords in clear text, and no proxy is declared that serves "
            "HTTPS.",
            "false",
        )
    else:
        yield of_setting(
            "bind",
            "{setting} is reachable over plain HTTP: check that only the proxy can reach this address.",
            "127.0.0.1:8080",
            weight=Weight.NOTE,
        )


def _plain_http_left_on(snapshot: Snapshot) -> Iterator[Trouble]:
    """Plain HTTP is allowed though it is not used."""
    settings = snapshot.settings
    unused = is_loopback(settings.bind_host) or settings.tls_cert_file is not None
    if settings.allow_plain_http and unused:
        yield of_setting(
            "allow_plain_http",
            "{setting} is on without a use: a later change of NETID_BIND would not be refused.",
            "false",
        )


def _embedded_directory(snapshot: Snapshot) -> Iterator[Trouble]:
    """Users of the embedded directory, whose passwords are published, can log in from other hosts."""
    settings = snapshot.settings
    if settings.ldap.embedded_path is None or (is_loopback(settings.bind_host) and snapshot.is_local):
        return
    yield of_setting(
        "ldap_uri",
        "{setting} names the embedded directory, whose passwords are published, and other hosts can log in.",
        "ldaps://ldap.example.edu",
    )


def _embedded_left_on(snapshot: Snapshot) -> Iterator[Trouble]:
    """The embedded directory is allowed for other hosts though a real one is used."""
    settings = snapshot.settings
    if settings.allow_embedded_directory and settings.ldap.embedded_path is None:
        yield of_setting(
            "allow_embedded_directory",
            "{setting} is on without a use: a lost NETID_LDAP_URI would open the server to everybody.",
            "false",
        )


def _proxy_not_counted(snapshot: Snapshot) -> Iterator[Trouble]:
    """A proxy must be in front, but none is counted, so every client has the proxy's address."""
    settings = snapshot.settings
    is_behind_proxy = is_loopback(settings.bind_host) and not snapshot.is_local
    if is_behind_proxy and settings.trusted_proxies == 0:
        yield of_setting(
            "trusted_proxies",
            "{setting} is 0, but a proxy serves the issuer: limits, networks and the audit see its address "
            "alone.",
            "1",
        )


def _many_proxies(snapshot: Snapshot) -> Iterator[Trouble]:
    """More proxies are trusted than anybody has."""
    count = snapshot.settings.trusted_proxies
    if count > MAX_PROXIES:
        yield of_setting(
            "trusted_proxies",
            f"{{setting}} is {count}: with a number too high, any client can forge its address.",
            "1",
        )


def _proxies_and_own_tls(snapshot: Snapshot) -> Iterator[Trouble]:
    """A proxy is trusted at an address where other hosts can connect over TLS directly."""
    settings = snapshot.settings
    reachable = not is_loopback(settings.bind_host) and settings.tls_cert_file is not None
    if reachable and settings.trusted_proxies > 0:
        yield of_setting(
            "trusted_proxies",
            "{setting} trusts a header that every host can send which reaches NETID_BIND past the proxy.",
            "0",
        )


def _imitable_header(snapshot: Snapshot) -> Iterator[Trouble]:
    """The proxy's header can be imitated unless the proxy drops underscores."""
    settings = snapshot.settings
    if settings.trusted_proxies > 0 and settings.proxy_header == "X-Forwarded-For":
        yield of_setting(
            "proxy_header",
            "{setting} is safe only behind a proxy that drops X_Forwarded_For, as nginx does.",
            "Forwarded",
        )


def _private_targets(snapshot: Snapshot) -> Iterator[Trouble]:
    """Registered URLs can make the server send requests into the internal network."""
    if snapshot.settings.outgoing_allow_private:
        yield of_setting(
            "outgoing_allow_private",
            "{setting} lets registered URLs reach the internal network of this server.",
            "false",
        )


def _broad_callback_origins(snapshot: Snapshot) -> Iterator[Trouble]:
    """A sign-in may lead to every host of a domain."""
    for origin in snapshot.settings.callback_origins:
        _, star, domain = origin.partition("*.")
        if star:
            labels = domain.partition(":")[0].split(".")
            is_broad = len(labels) <= _BROAD_LABELS
            yield of_setting(
                "callback_origins",
                f"{{setting}} has {origin}: a sign-in may lead to every host below {domain}.",
                "the single origins that programs need",
                weight=Weight.MEDIUM if is_broad else Weight.NOTE,
            )


CHECKS = (
    Check("issuer-without-https", Weight.LOW, _issuer_without_https, ("RFC 9700, 2.6",)),
    Check("plain-http-for-other-hosts", Weight.HIGH, _plain_http, ("RFC 9700, 2.6",)),
    Check("plain-http-left-on", Weight.LOW, _plain_http_left_on, ("RFC 9700, 2.6",)),
    Check("embedded-directory-reachable", Weight.HIGH, _embedded_directory, ("RFC 9700, 2.4",)),
    Check("embedded-directory-left-on", Weight.LOW, _embedded_left_on, ("RFC 9700, 2.4",)),
    Check("proxy-not-counted", Weight.MEDIUM, _proxy_not_counted, ("RFC 9700, 4.13",)),
    Check("proxies-many", Weight.MEDIUM, _many_proxies, ("RFC 9700, 4.13",)),
    Check("proxies-at-an-open-address", Weight.MEDIUM, _proxies_and_own_tls, ("RFC 9700, 4.13",)),
    Check("proxy-header-imitable", Weight.NOTE, _imitable_header, ("RFC 9700, 4.13",)),
    Check("outgoing-to-private-addresses", Weight.MEDIUM, _private_targets),
    Check("callback-origins-broad", Weight.MEDIUM, _broad_callback_origins, ("RFC 9700, 4.11.1",)),
)
"""The checks of this subject, in the order of their findings."""
