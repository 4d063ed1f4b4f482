"""A person whom one of several servers does not have: another server is asked before the person is unknown.

Owns: which servers must have said so, at a login as at a refresh. Must not know: what is searched for.
"""

from collections.abc import Callable

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap.connections.session import LdapSession
from directory.ldap.people.groups import Ask
from directory.ldap.protocol.entry import Entry
from directory.ldap.protocol.results import BaseMissing


def look_anywhere(look: Callable[[Ask], Entry], session: LdapSession) -> Entry:
    """Look on the server whose turn it is, then on another: a replica may lag behind, or be half loaded.

    Args:
        look: finds the one entry by asking as it is told.
        session: where it is asked.

    Raises:
        InvalidCredentials: as `look` raises it; `unknown_person` with the servers that said so, which is
            one where no other could be asked.
        DirectoryUnavailable: no server can say.
    """
    first: InvalidCredentials | DirectoryUnavailable
    try:
        return look(session.ask)
    except InvalidCredentials as refusal:
        first = _unknown(refusal, session)
    except BaseMissing as missing:
        first = missing
    try:
        return look(session.elsewhere())
    except DirectoryUnavailable:
        raise first from None
    except InvalidCredentials as refusal:
        second = _unknown(refusal, session)
    if isinstance(first, InvalidCredentials):
        second.servers = first.servers + second.servers
        second.detail = second.detail or first.detail
    raise second


def _unknown(refusal: InvalidCredentials, session: LdapSession) -> InvalidCredentials:
    """Add the server that does not know the person; any other refusal is final."""
    if refusal.reason is not Refusal.UNKNOWN_PERSON:
        raise refusal
    refusal.servers = () if session.server is None else (session.server,)
    return refusal
