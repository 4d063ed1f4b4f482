"""Putting a directory together from its settings.

Owns: which parts a directory is made of. Must not know: where settings come from.
"""

import random
import threading
import time
from collections.abc import Callable
from functools import partial

from directory.ldap.config import ConfigError, LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.connector import Network, ask_root_dse
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.losses import Losses
from directory.ldap.connections.pool import Connect, ConnectionPool
from directory.ldap.connections.servers import Servers
from directory.ldap.connections.service_account import ServiceAccount
from directory.ldap.connections.session import ConnectionPools
from directory.ldap.connections.tls import verified_context
from directory.ldap.connections.uri import ServerUri
from directory.ldap.embedded import Embedded
from directory.ldap.ldap_directory import LdapDirectory

# A server that was given less than this part of a login, and did not answer, is not blamed.
_FAIR_CHANCE = 1 / 8


def open_directory(
    config: LdapConfig,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
    spawn: Callable[[Callable[[], None]], None] | None = None,
    tell: Callable[[str, str], None] = lambda _uri, _state: None,
) -> LdapDirectory:
    """Make the directory that `config` describes. Nothing is connected to before it is first asked.

    Args:
        config: the settings.
        clock: seconds since the epoch, for accounts that begin or end.
        monotonic: seconds since any moment, for deadlines, lifetimes and back-offs.
        chance: a number from 0 to 1, so that many processes do not come back at once.
        spawn: runs a probe of a server that failed beside the login that it is due in; a thread unless given.
        tell: is told the URI and the new state of a server that is in another one; it must be quick.

    Raises:
        ConfigError: a file that `config` names cannot be used.
    """
    ldif = config.embedded_path
    uris = config.uris if ldif is None else ()
    servers = Servers(uris, clock=clock, monotonic=monotonic, random=chance, tell=tell)
    if ldif is None:
        network = _network(config, servers, monotonic, spawn or _in_a_thread)
        lines = _lines(config, servers, network, network.look_after, monotonic)
        base = user_base(config, "")
    else:
        embedded = Embedded.from_ldif(ldif)
        lines = _lines(config, servers, embedded, _nothing_to_look_after, monotonic)
        base = user_base(config, embedded.suffix)
    return LdapDirectory(config, user_base=base, lines=lines, clock=clock, monotonic=monotonic)


def _lines(
    config: LdapConfig,
    servers: Servers,
    source: Network | Embedded,
    look_after: Callable[[], None],
    monotonic: Callable[[], float],
) -> ConnectionPools:
    """Two lanes: searches are made by our account, and on the other one people introduce themselves."""
    account = ServiceAccount(
        config.bind_dn, config.bind_password, password_file=config.bind_password_file, monotonic=monotonic
    )

    def connect_as_us(deadline: Deadline, *, near: str | None, avoid: str | None) -> LdapConnection:
        with account.turn(deadline):
            introduce = partial(account.introduce, deadline=deadline)
            return source.connect(deadline, introduce, near=near, avoid=avoid)

    def connect_as_nobody(deadline: Deadline, *, near: str | None, avoid: str | None) -> LdapConnection:
        return source.connect(deadline, _prove, near=near, avoid=avoid)

    def lane(purpose: str, connect: Connect) -> ConnectionPool:
        return ConnectionPool(
            purpose,
            connect,
            servers,
            size=config.pool_size,
            lifetime=config.connection_lifetime,
            fair_chance=config.login_deadline * _FAIR_CHANCE,
            monotonic=monotonic,
        )

    return ConnectionPools(
        searches=lane("searches", connect_as_us),
        binds=lane("people's binds", connect_as_nobody),
        servers=servers,
        look_after=look_after,
    )


def _prove(link: LdapConnection) -> None:
    """Get an answer on a new connection for people's binds: a bind that is lost cannot be repeated.

    TLS has proven the connection already. In clear, a gateway on this machine may accept a connection that
    leads nowhere.
    """
    if link.is_in_clear:
        ask_root_dse(link)


def _nothing_to_look_after() -> None:
    """A directory in memory does not fail."""


def _in_a_thread(probe: Callable[[], None]) -> None:
    threading.Thread(target=probe, name="probe of a directory server", daemon=True).start()


def user_base(config: LdapConfig, suffix: str = "") -> str:
    """Tell where people are: as set, or the template's parent, or the whole of an embedded directory.

    Args:
        config: the settings.
        suffix: of an embedded directory.
    """
    if config.user_base:
        return config.user_base
    return config.user_dn_template.partition(",")[2] if config.user_dn_template else suffix


def _network(
    config: LdapConfig,
    servers: Servers,
    monotonic: Callable[[], float],
    spawn: Callable[[Callable[[], None]], None],
) -> Network:
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
        servers=servers,
        losses=Losses(servers),
        start_tls=config.start_tls,
        context=context,
        connect_timeout=config.connect_timeout,
        read_timeout=config.read_timeout,
        fair_chance=config.login_deadline * _FAIR_CHANCE,
        codec=config.codec,
        monotonic=monotonic,
        spawn=spawn,
    )
