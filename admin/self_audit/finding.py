"""What a check says: a finding, its weight, and the command or setting that removes it."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from admin.self_audit.snapshot import Snapshot
from core.setting_mistakes import variable
from models import Client

FLASK = ".venv/bin/flask"


class Weight(StrEnum):
    """How much a finding matters, the worst first.

    - `HIGH`: an attacker needs little more.
    - `MEDIUM`: one defence of several is missing, or a requirement is not met.
    - `LOW`: a good practice is not followed.
    - `NOTE`: nothing is wrong, but the operator should know it.
    """

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NOTE = "note"


class Trouble(NamedTuple):
    """What the function of a check has found.

    - `about`: the setting's variable, the client's id, or the key that it is about.
    - `sentence`: what is wrong.
    - `mend`: the command or the setting's line that removes it.
    - `client`: the client that it is about, if it is about one.
    - `weight`: the weight of this case, if it differs from that of the check.
    """

    about: str
    sentence: str
    mend: str
    client: Client | None = None
    weight: Weight | None = None


class Check(NamedTuple):
    """One check: the name of its findings, their weight, and the requirements that it tests.

    The docstring of `find` says what is wrong where it finds something. A check without a reference is a rule
    of this server's own documentation.
    """

    id: str
    weight: Weight
    find: Callable[[Snapshot], Iterator[Trouble]]
    references: Sequence[str] = ()

    @property
    def summary(self) -> str:
        """What is wrong where the check finds something, in a sentence."""
        return (self.find.__doc__ or "").partition("\n")[0]


class Finding(NamedTuple):
    """A check that found something, at one setting, client or key. The names are those of `Trouble`."""

    id: str
    weight: Weight
    about: str
    client_id: str | None
    client_name: str | None
    sentence: str
    mend: str
    references: Sequence[str]


def of_setting(name: str, sentence: str, value: str, *, weight: Weight | None = None) -> Trouble:
    """A trouble with a setting.

    Args:
        name: the setting's name in `Settings`, that of a directory's setting with `ldap_` before it.
        sentence: what is wrong. `{setting}` in it stands for the setting's variable.
        value: what to set instead.
        weight: as in `Trouble`.
    """
    setting = variable(name)
    return Trouble(setting, sentence.replace("{setting}", setting), f"{setting}={value}", weight=weight)


def of_client(client: Client, sentence: str, mend: str, *, weight: Weight | None = None) -> Trouble:
    """A trouble with a client.

    Args:
        client: as registered.
        sentence: what is wrong.
        mend: from `command`.
        weight: as in `Trouble`.
    """
    return Trouble(client.client_id, sentence, mend, client, weight)


def command(words: str, client: Client, options: str = "") -> str:
    """A command about a client, to be copied into a shell.

    Args:
        words: the command without `flask`, such as `client update`.
        client: whose id is its argument.
        options: the command's options.
    """
    quoted = shlex.quote(client.client_id)
    # click would take an imported id such as -x for an option.
    argument = f"-- {quoted}" if client.client_id.startswith("-") else quoted
    return " ".join(filter(None, (FLASK, words, options, argument)))


def host_of(uri: str) -> str:
    """The host of a registered URI, without brackets; empty if it has none.

    Args:
        uri: as it is stored, valid or not.
    """
    try:
        return urlsplit(uri).hostname or ""
    except ValueError:
        return ""


def selection(words: str, client: Client) -> str:
    """A command whose option `--client` selects a client, to be copied into a shell.

    Args:
        words: the command without `flask`, such as `grant list`.
        client: the client.
    """
    return f"{FLASK} {words} {shlex.quote(f'--client={client.client_id}')}"
