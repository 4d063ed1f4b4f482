"""SECURITY.md names tests: each of them exists."""

import ast
import re

import pytest

from tests.servers.netid import PROJECT

NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", (PROJECT / "SECURITY.md").read_text("utf-8"))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[f"{path}::{name}" for path, name in NAMED])
def test_each_promise_has_its_test(path: str, name: str) -> None:
    """The test that SECURITY.md names for a promise stands in the file that it names."""
    tree = ast.parse((PROJECT / path).read_text("utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
