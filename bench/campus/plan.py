"""The operator's plan, read from docs/way-out.md: what the page says is what the campus does.

Owns: which commands stand in which week. Must not know: for which other clients the operator repeats them.
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self

PAGE = Path(__file__).parents[2] / "docs" / "way-out.md"
_PROGRAM = ".venv/bin/flask"
_HEADING = re.compile(r"^## (?:Week (\d+)|(Each month)).*$", re.MULTILINE)
_BEGIN = re.compile(r"begins\s+on\s+Monday,\s+(\d+ \w+ \d{4})")
_EXPORT = re.compile(r"^export (NETID_\w+)=(\S+)$", re.MULTILINE)


class NotInThePlan(Exception):
    """The page has no such command, or several."""


class Section(NamedTuple):
    """A step of the plan.

    Attributes:
        week: when it begins, counted from the beginning of the plan; None for each month.
        commands: the words after `flask`, in their order.
        settings: what the operator sets before a restart of the server.
    """

    week: int | None
    commands: Sequence[tuple[str, ...]]
    settings: Mapping[str, str]


class Plan(NamedTuple):
    """The plan: when it begins, in seconds since the epoch, and its sections."""

    begins_at: int
    sections: Sequence[Section]

    @classmethod
    def read(cls, page: Path = PAGE) -> Self:
        """Read the plan from the page.

        Raises:
            NotInThePlan: the page does not say when the plan begins.
        """
        text = page.read_text("utf-8")
        begin = _BEGIN.search(text)
        if begin is None:
            raise NotInThePlan("The page does not say on which Monday the plan begins.")
        day = datetime.strptime(begin[1], "%d %B %Y").replace(tzinfo=UTC)
        return cls(int(day.timestamp()), tuple(_sections(text)))

    def command(self, *words: str) -> tuple[str, ...]:
        """The one command of the plan that begins with the first two words and has all the others.

        Raises:
            NotInThePlan: there is none, or more than one.
        """
        found = {
            command
            for section in self.sections
            for command in section.commands
            if command[:2] == words[:2] and set(words) <= set(command)
        }
        if len(found) != 1:
            raise NotInThePlan(f"{' '.join(words)}: {len(found)} commands of the plan have these words.")
        return found.pop()


def replaced(command: Sequence[str], **names: str) -> tuple[str, ...]:
    """A command for another client, owner or user than that of the page.

    Args:
        command: its words.
        names: the new value by the part of the command: `client`, `owner`, `user`.
    """
    words = list(command)
    for part, value in names.items():
        words[_place(words, part)] = value
    return tuple(words)


def _place(words: Sequence[str], part: str) -> int:
    """Where a part of a command stands."""
    for option in _OPTIONS.get(part, ()):
        if option in words:
            return words.index(option) + 1
    return _ARGUMENTS[part]


_OPTIONS = {"client": ("--client",), "owner": ("--mail", "--owner")}
_ARGUMENTS = {"client": 2, "user": 3}


def _sections(text: str) -> Iterator[Section]:
    headings = [*_HEADING.finditer(text)]
    ends = [match.start() for match in re.finditer(r"^## ", text, re.MULTILINE)]
    for heading in headings:
        part = text[heading.end() : min([end for end in ends if end > heading.start()], default=len(text))]
        yield Section(
            None if heading[2] else int(heading[1]),
            tuple(_commands(part)),
            dict(_EXPORT.findall(part)),
        )


def _commands(text: str) -> Iterator[tuple[str, ...]]:
    for line in text.splitlines():
        if line.startswith(f"{_PROGRAM} "):
            words = shlex.split(line.removeprefix(_PROGRAM))
            # What the page redirects to a file, the campus only looks at.
            yield tuple(words[: words.index(">")] if ">" in words else words)
