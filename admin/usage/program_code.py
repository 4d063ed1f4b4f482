"""The code of each way in each language, for the owner of a program. It takes ids and secrets from variables.

Owns: which file answers for a way and a language. Must not know: which client it is for.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

from admin.usage.advice import GO, JAVA, JAVASCRIPT, KOTLIN, PHP, PYTHON, RUBY, SHELL, SWIFT, Way

LANGUAGES = {
    SHELL: "a shell",
    PYTHON: "Python",
    JAVASCRIPT: "JavaScript",
    JAVA: "Java",
    GO: "Go",
    PHP: "PHP",
    RUBY: "Ruby",
    SWIFT: "Swift",
    KOTLIN: "Kotlin",
}
"""The languages as people call them."""
_FOLDER = Path(__file__).with_name("code")
_EXAMPLE = "https://netid.campus.example"
# The nearest language, for a way that has no file in the program's own. After it come shell and Python.
_INSTEAD = {KOTLIN: (JAVA,)}


class ProgramCode(NamedTuple):
    """Code that an owner can take over, and its language as people call it."""

    language: str
    text: str


def code_of(way: Way, language: str, issuer: str) -> ProgramCode | None:
    """The code of a way in a language, or in the nearest one; None for a program that ends.

    Args:
        way: what the program moves to.
        language: a key of `LANGUAGES`.
        issuer: the URL of this server.
    """
    for each in (language, *_INSTEAD.get(language, ()), SHELL, PYTHON):
        if (text := _file(way, each)) is not None:
            return ProgramCode(LANGUAGES[each], text.replace(_EXAMPLE, issuer).expandtabs(4))
    return None


@cache
def _file(way: Way, language: str) -> str | None:
    file = _FOLDER / f"{way}.{language}.txt"
    return file.read_text("utf-8") if file.exists() else None
