"""Refuses to serve other hosts over plain HTTP, or with users whose passwords are published."""

from collections.abc import Iterator

from cli.output import CommandRefused
from core.setting_rules import is_loopback
from settings import Settings


def refuse_exposure(settings: Settings) -> None:
    """Refuse an address that other hosts can reach, if the server would be unsafe there.

    Args:
        settings: The settings that the server starts with.

    Raises:
        CommandRefused: With a sentence for each danger that the operator has not accepted.
    """
    if sentences := list(_dangers(settings)):
        raise CommandRefused(*sentences)


def _dangers(settings: Settings) -> Iterator[str]:
    if is_loopback(settings.bind_host):
        return
    address = f"NETID_BIND is {settings.bind}, which other hosts may reach"
    if settings.tls_cert_file is None and not settings.allow_plain_http:
        yield (
            f"{address}, but the server has no certificate: passwords and tokens would cross the network "
            "unencrypted. Set NETID_TLS_CERT_FILE and NETID_TLS_KEY_FILE, or let a proxy on this host serve "
            "HTTPS and set NETID_BIND=127.0.0.1:8080. If the proxy is on another host or outside this "
            "container, and only the proxy can reach this address, set NETID_ALLOW_PLAIN_HTTP=true."
        )
    if settings.ldap.embedded_path is not None and not settings.allow_embedded_directory:
        yield (
            f"{address}, but the users are those of the embedded directory, whose passwords are published: "
            "anybody could log in. Set NETID_LDAP_URI to your directory. For a trial on a network of your "
            "own, set NETID_ALLOW_EMBEDDED_DIRECTORY=true."
        )
