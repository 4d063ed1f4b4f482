"""Builds a directory from its settings.

Owns: which parts a directory has, and how they are connected. Must not know: where settings come from.
"""

import random
import threading
import time
from collections.abc import Callable
from functools import partial

from directory.ldap.config import ConfigError, LdapConfig
from directory.ldap.connections.connection import LdapConnection
from directory.ldap.connections.connector import Connector, ask_root_dse
from directory.ldap.connections.deadline import Deadline
from directory.ldap.connections.pool import ConnectionFactory, ConnectionPool
from directory.ldap.connections.servers import QuickLosses, Servers
from directory.ldap.connections.service_account import ServiceAccount
from directory.ldap.connections.session import ConnectionPools
from directory.ldap.connections.tls import verified_context
from directory.ldap.connections.uri import ServerUri
from directory.ldap.embedded import Embedded
from directory.ldap.ldap_directory import LdapDirectory

# A server's silence counts as a failure only if it had this fraction of the login deadline to answer.
_FAIR_CHANCE = 1 / 8
# The default size of a pool, if neither its size nor the number of threads is set.
_POOL_SIZE = 3


def open_directory(
    config: LdapConfig,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    chance: Callable[[], float] = random.random,
    spawn: Callable[[Callable[[], None]], None] | None = None,
    tell: Callable[[str, str], None] = lambda _uri, _state: None,
) -> LdapDirectory:
    """Build the directory that `config` describes. It connects to no server before the first request.

    Args:
        config: the settings.
        clock: returns seconds since the epoch, for accounts that begin or end.
        monotonic: returns seconds since a fixed moment, for deadlines, lifetimes and back-offs.
        chance: returns a random number from 0 to 1, which spreads the retries of many processes.
        spawn: runs a probe of a failed server beside the login; the default starts a thread.
        tell: called with a server's URI and its new state at each change of state. It must be quick.

    Raises:
        ConfigError: a file that `config` names cannot be used.
    """
    ldif = config.embedded_path
    uris = config.uris if ldif is None else ()
    servers = Servers(uris, clock=clock, monotonic=monotonic, random=chance, on_change=tell)
    if ldif is None:
        network = _network(config, servers, monotonic, spawn or _start_thread)
        pools = _pools(config, servers, network, network.start_due_probes, monotonic)
        base = user_base(config)
    else:
        embedded = Embedded.from_ldif(ldif)
        pools = _pools(config, servers, embedded, _probe_nothing, monotonic)
        base = user_base(config, embedded.suffix)
    return LdapDirectory(config, user_base=base, pools=pools, clock=clock, monotonic=monotonic)


def _pools(
    config: LdapConfig,
    servers: Servers,
    source: Connector | Embedded,
    look_after: Callable[[], None],
    monotonic: Callable[[], float],
) -> ConnectionPools:
    """Make two pools: one for searches, bound as our own account, and one for users' binds."""
    account = ServiceAccount(
        config.bind_dn, config.service_password, password_file=config.bind_password_file, monotonic=monotonic
    )

    def connect_for_searches(deadline: Deadline, *, prefer: str | None, avoid: str | None) -> LdapConnection:
        with account.connecting(deadline):
            introduce = partial(account.bind, deadline=deadline)
            return source.connect(deadline, introduce, prefer=prefer, avoid=avoid)

    def connect_for_binds(deadline: Deadline, *, prefer: str | None, avoid: str | None) -> LdapConnection:
        return source.connect(deadline, _require_answer, prefer=prefer, avoid=avoid)

    def pool(purpose: str, connect: ConnectionFactory) -> ConnectionPool:
        return ConnectionPool(
            purpose,
            connect,
            servers,
            size=config.pool_size or _POOL_SIZE,
            lifetime=config.connection_lifetime,
            blame_after=_fair_chance(config),
            monotonic=monotonic,
        )

    return ConnectionPools(
        searches=pool("searches", connect_for_searches),
        binds=pool("people's binds", connect_for_binds),
        servers=servers,
        start_due_probes=look_after,
    )


def _require_answer(link: LdapConnection) -> None:
    """Get an answer on a new connection for users' binds, since a lost bind must not be repeated.

    With TLS the handshake was that answer. Without TLS, a gateway on this machine may accept a connection
    although it reaches no server.
    """
    if link.is_unencrypted:
        ask_root_dse(link)


def _fair_chance(config: LdapConfig) -> float:
    """Return the seconds that a server must have had before its silence counts as a failure."""
    return config.login_deadline * _FAIR_CHANCE


def _probe_nothing() -> None:
    """The embedded directory has no server that could fail."""


def _start_thread(probe: Callable[[], None]) -> None:
    threading.Thread(target=probe, name="probe of a directory server", daemon=True).start()


def user_base(config: LdapConfig, suffix: str = "") -> str:
    """Return the DN below which users are searched: as set, else the template's parent, else `suffix`.

    Args:
        config: the settings.
        suffix: the suffix of an embedded directory.
    """
    if config.user_base:
        return config.user_base
    return config.user_dn_template.partition(",")[2] if config.user_dn_template else suffix


def _network(
    config: LdapConfig,
    servers: Servers,
    monotonic: Callable[[], float],
    spawn: Callable[[Callable[[], None]], None],
) -> Connector:
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
    return Connector(
        uris=uris,
        servers=servers,
        losses=QuickLosses(servers),
        start_tls=config.start_tls,
        context=context,
        connect_timeout=config.connect_timeout,
        read_timeout=config.read_timeout,
        blame_after=_fair_chance(config),
        codec=config.codec,
        monotonic=monotonic,
        spawn=spawn,
    )
