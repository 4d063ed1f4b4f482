"""Putting a directory together from its settings.

Owns: which parts a directory is made of. Must not know: where settings come from.
"""

import time
from collections.abc import Callable

from directory.contract import Directory
from directory.ldap.config import ConfigError, LdapConfig
from directory.ldap.deadline import Deadline
from directory.ldap.embedded import Embedded
from directory.ldap.lane import Lane
from directory.ldap.link import Link
from directory.ldap.network import Network
from directory.ldap.results import judge_service_bind
from directory.ldap.rules import LdapDirectory
from directory.ldap.tls import verified_context
from directory.ldap.uri import ServerUri


def open_directory(
    config: LdapConfig,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> Directory:
    """Make the directory that `config` describes. Nothing is connected to before it is first asked.

    Args:
        config: the settings.
        clock: seconds since the epoch, for accounts that begin or end.
        monotonic: seconds since any moment, for deadlines and lifetimes.

    Raises:
        ConfigError: a file that `config` names cannot be used.
    """
    ldif = config.embedded_path
    source = _network(config) if ldif is None else Embedded.from_ldif(ldif)
    return LdapDirectory(
        config,
        user_base=_user_base(config, source),
        searches=_lane("searches", source, _bind_our_account, config, monotonic),
        binds=_lane("people's binds", source, _say_nothing, config, monotonic),
        clock=clock,
        monotonic=monotonic,
    )


def _lane(
    purpose: str,
    source: Network | Embedded,
    introduce: Callable[[LdapConfig, Link], None],
    config: LdapConfig,
    monotonic: Callable[[], float],
) -> Lane:
    def connect(deadline: Deadline) -> Link:
        return source.connect(deadline, lambda link: introduce(config, link))

    return Lane(
        purpose, connect, size=config.pool_size, lifetime=config.connection_lifetime, monotonic=monotonic
    )


def _bind_our_account(config: LdapConfig, link: Link) -> None:
    """Searches are made by the service account, or by nobody if there is none."""
    if config.bind_dn and config.bind_password:
        judge_service_bind(link.bind(config.bind_dn, config.bind_password.encode()))


def _say_nothing(_config: LdapConfig, _link: Link) -> None:
    """On a connection for people's binds, the first of them is the first thing said."""


def _user_base(config: LdapConfig, source: Network | Embedded) -> str:
    """Where people are: as set, or the template's parent, or the whole of an embedded directory."""
    if config.user_base:
        return config.user_base
    if config.user_dn_template:
        return config.user_dn_template.partition(",")[2]
    return source.suffix if isinstance(source, Embedded) else ""


def _network(config: LdapConfig) -> Network:
    uris = tuple(ServerUri.parse(uri) for uri in config.uris)
    context = None
    if any(uri.scheme == "ldaps" or (uri.scheme == "ldap" and config.start_tls) for uri in uris):
        try:
            context = verified_context(
                ca_file=config.ca_file, cert_file=config.client_cert_file, key_file=config.client_key_file
            )
        except OSError as error:
            files = "NETID_LDAP_CA_FILE, NETID_LDAP_CLIENT_CERT_FILE, NETID_LDAP_CLIENT_KEY_FILE"
            raise ConfigError((f"{files}: no usable certificate or key: {error}.",)) from error
    return Network(
        uris=uris,
        start_tls=config.start_tls,
        context=context,
        connect_timeout=config.connect_timeout,
        read_timeout=config.read_timeout,
    )
