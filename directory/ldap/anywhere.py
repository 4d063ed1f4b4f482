"""Someone whom one server of several does not have: another is asked, before anything is said of them.

Owns: which servers must have said so before a person is unknown. Must not know: what is searched for.
"""

from collections.abc import Callable

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap.conversation import Conversation
from directory.ldap.entry import Entry
from directory.ldap.groups import Ask


def look_anywhere(look: Callable[[Ask], Entry], talk: Conversation) -> Entry:
    """Look on the server whose turn it is, then on another: a replica may lag behind, or be half loaded.

    Args:
        look: finds the one entry by asking as it is told.
        talk: where it is asked.

    Raises:
        InvalidCredentials: as `look` raises it; `unknown_person` with the servers that said so, which is
            one where no other could be asked.
        DirectoryUnavailable: nobody can say.
    """
    try:
        return look(talk.ask)
    except InvalidCredentials as refusal:
        if refusal.reason is not Refusal.UNKNOWN_PERSON:
            raise
        said, detail = _named(talk), refusal.detail
    try:
        return look(talk.ask_another)
    except DirectoryUnavailable:
        pass
    except InvalidCredentials as refusal:
        if refusal.reason is not Refusal.UNKNOWN_PERSON:
            raise
        said, detail = said + _named(talk), refusal.detail or detail
    unknown = InvalidCredentials(Refusal.UNKNOWN_PERSON, detail)
    unknown.servers = said
    raise unknown


def _named(talk: Conversation) -> tuple[str, ...]:
    return () if talk.server is None else (talk.server,)
