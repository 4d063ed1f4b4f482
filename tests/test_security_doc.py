"""SECURITY.md and docs/threats.md name tests: each of them exists."""

import ast
import re
from functools import cache

import pytest

from tests.servers.netid import PROJECT

DOCUMENTS = ("SECURITY.md", "docs/threats.md")
TEXTS = {name: (PROJECT / name).read_text("utf-8") for name in DOCUMENTS}
NAMED = [
    (document, path, name)
    for document, text in TEXTS.items()
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text)
]
# The rows below each heading of a table.
THREATS = re.findall(
    r"^(\|(?!---).*\|)$",
    re.sub(r"^.*\n\|---.*$", "", TEXTS["docs/threats.md"], flags=re.MULTILINE),
    re.MULTILINE,
)


@cache
def functions_in(path: str) -> frozenset[str]:
    """The names of the functions in a file of tests."""
    tree = ast.parse((PROJECT / path).read_text("utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("document", "path", "name"), NAMED, ids=["-".join(each) for each in NAMED])
def test_each_promise_has_its_test(document: str, path: str, name: str) -> None:
    """A test that a document names for a promise or a weakness is in the named file."""
    assert name in functions_in(path), f"{document} names a test that does not exist"


@pytest.mark.parametrize("row", THREATS)
def test_each_weakness_has_a_test(row: str) -> None:
    """Every row of docs/threats.md names a test in its last column."""
    assert row.count(" | ") == 2, row
    assert re.match(r"`tests/[\w/]+\.py::\w+`", row.rsplit(" | ", 1)[1]), row
