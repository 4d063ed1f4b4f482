"""The ways to check a password that `bench.directory` compares, one process for each.

Reads from its input how many logins to make, and answers with the seconds and the CPU seconds that they
took, until the input ends. A login is a search for the person with the service account, and a bind as the
entry that was found.

    python -m bench.directory_ways WAY URI CA_FILE SERVICE_DN SERVICE_PASSWORD BASE

An empty CA_FILE means no TLS.
"""

import importlib
import itertools
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

Login = Callable[[str, str], bool]
ATTRIBUTES = ["entryUUID", "uid", "cn", "displayName", "mail"]


class Where(NamedTuple):
    """The directory, and our account in it."""

    uri: str
    ca_file: str
    service_dn: str
    service_password: str
    base: str


def ours(where: Where) -> Login:
    """Our own Directory, with its pool."""
    directory = importlib.import_module("directory")
    ldap = importlib.import_module("directory.ldap")
    asked = ldap.open_directory(
        ldap.LdapConfig(
            uris=(where.uri,),
            start_tls=bool(where.ca_file),
            ca_file=Path(where.ca_file) if where.ca_file else None,
            bind_dn=where.service_dn,
            bind_password=where.service_password,
            user_base=where.base,
        )
    )

    def log_in(name: str, password: str) -> bool:
        try:
            return bool(asked.find(name).verify(password).net_id == name)
        except directory.InvalidCredentials:
            return False

    return log_in


def ldap3_fresh(where: Where, *, schema: bool = False) -> Login:
    """ldap3 as its documentation shows it, a connection for each search and each bind."""
    ldap3 = importlib.import_module("ldap3")
    tls = None
    if where.ca_file:
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=where.ca_file)
    server = ldap3.Server(where.uri, tls=tls, get_info=ldap3.SCHEMA if schema else ldap3.NONE)
    how = ldap3.AUTO_BIND_TLS_BEFORE_BIND if where.ca_file else ldap3.AUTO_BIND_NO_TLS

    def log_in(name: str, password: str) -> bool:
        with ldap3.Connection(
            server, where.service_dn, where.service_password, auto_bind=how, auto_referrals=False
        ) as search:
            search.search(where.base, f"(uid={name})", attributes=ATTRIBUTES, size_limit=2)
            dn = search.entries[0].entry_dn
        person = ldap3.Connection(server, dn, password, auto_referrals=False)
        person.open()
        if where.ca_file:
            person.start_tls()
        accepted = bool(person.bind())
        person.unbind()
        return accepted

    return log_in


def ldap3_fresh_defaults(where: Where) -> Login:
    """ldap3 with its own defaults, which read the schema with each bind."""
    return ldap3_fresh(where, schema=True)


def python_ldap_fresh(where: Where) -> Login:
    """python-ldap, a connection for each search and each bind."""
    connect = _python_ldap(where)

    def log_in(name: str, password: str) -> bool:
        search, person = connect(), connect()
        search.simple_bind_s(where.service_dn, where.service_password)
        accepted = _ask(where, search, person, name, password)
        search.unbind_s()
        person.unbind_s()
        return accepted

    return log_in


def python_ldap_kept(where: Where) -> Login:
    """python-ldap, over one kept connection for searches and one for binds."""
    connect = _python_ldap(where)
    search, person = connect(), connect()
    search.simple_bind_s(where.service_dn, where.service_password)
    return lambda name, password: _ask(where, search, person, name, password)


def _python_ldap(where: Where) -> Callable[[], Any]:
    ldap = importlib.import_module("ldap")

    def connect() -> Any:
        connection = ldap.initialize(where.uri)
        if where.ca_file:
            connection.set_option(ldap.OPT_X_TLS_CACERTFILE, where.ca_file)
            connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
            connection.start_tls_s()
        return connection

    return connect


def _ask(where: Where, search: Any, person: Any, name: str, password: str) -> bool:
    ldap = importlib.import_module("ldap")
    entries = search.search_ext_s(where.base, ldap.SCOPE_SUBTREE, f"(uid={name})", ATTRIBUTES, sizelimit=2)
    try:
        person.simple_bind_s(entries[0][0], password)
    except ldap.INVALID_CREDENTIALS:
        return False
    return True


_ALL = (ours, ldap3_fresh, ldap3_fresh_defaults, python_ldap_fresh, python_ldap_kept)
WAYS: dict[str, Callable[[Where], Login]] = {each.__name__: each for each in _ALL}


def main() -> None:
    """Make the requested number of logins, one of 16 with a wrong password, and print their times."""
    way, *rest = sys.argv[1:]
    log_in = WAYS[way](Where(*rest))
    numbers = itertools.cycle(range(1000))
    print("ready", flush=True)
    for line in sys.stdin:
        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(int(line)):
            number = next(numbers)
            right = number % 16 != 0
            if log_in(f"u{number}", f"password-{number}" if right else "wrong") is not right:
                raise SystemExit(f"a wrong verdict for u{number}")
        print(time.perf_counter() - began, time.process_time() - cpu, flush=True)


if __name__ == "__main__":
    main()
