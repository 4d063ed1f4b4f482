"""The rules of the house that no linter knows: how long things may be, and what they say of themselves."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FOLDER_MODULES, MODULE_LINES, FUNCTION_LINES, TEST_LINES = 12, 400, 40, 400
PACKAGES = sorted(found.parent for found in PROJECT.glob("*/__init__.py"))
MODULES = sorted(
    [
        *PROJECT.glob("*.py"),
        *(module for package in PACKAGES for module in package.rglob("*.py")),
    ]
)
# What Alembic writes has its own shape, and is never changed once it was released.
MODULES = [module for module in MODULES if module.parent != PROJECT / "models" / "migrations" / "versions"]
FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def tree(module: Path) -> ast.Module:
    """A module as its syntax tree."""
    return ast.parse(module.read_bytes(), str(module))


def name(module: Path) -> str:
    """A module by its path in the project."""
    return module.relative_to(PROJECT).as_posix()


def lines(module: Path) -> int:
    """How many lines a file has."""
    return len(module.read_bytes().splitlines())


def functions(module: Path) -> Iterator[FUNCTIONS]:
    """Every function and method of a module, at any depth."""
    return (node for node in ast.walk(tree(module)) if isinstance(node, FUNCTIONS))


def test_the_rules_look_at_everything() -> None:
    """Every package that we know of is looked at, so that no rule holds of nothing."""
    known = {"cli", "directory", "login", "models", "oauth", "serving", "telemetry", "web"}
    assert known <= {package.name for package in PACKAGES}
    assert {"app.py", "settings/__init__.py", "settings/keyring.py", "oauth/grants/password.py"} <= set(
        map(name, MODULES)
    )


def test_test_modules_have_names_of_their_own() -> None:
    """Pytest imports test modules by their bare names, so two of one name cannot run together."""
    counts = Counter(each.name for each in PROJECT.glob("tests/**/test_*.py"))
    assert [module for module, count in counts.items() if count > 1] == []


def test_modules_are_short() -> None:
    """No module is longer than can be read at a sitting."""
    assert {name(each): lines(each) for each in MODULES if lines(each) > MODULE_LINES} == {}


def test_folders_have_few_modules() -> None:
    """A folder has at most twelve modules beside its `__init__.py`, so that a reader finds the right one."""
    counts = Counter(name(each.parent) for each in MODULES if each.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > FOLDER_MODULES} == {}


def test_functions_are_short() -> None:
    """No function is longer than a screen."""
    long = {
        f"{name(module)}:{function.lineno} {function.name}": length
        for module in MODULES
        for function in functions(module)
        if (length := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_test_files_are_short() -> None:
    """No file of tests is longer than one subject wants."""
    tests = (PROJECT / "tests").rglob("*.py")
    assert {name(each): lines(each) for each in tests if lines(each) > TEST_LINES} == {}


def test_imports_stand_at_the_top() -> None:
    """Only a command imports inside a function, so that other commands start without it."""
    inside = {
        f"{name(module)}:{node.lineno}"
        for module in MODULES
        if not name(module).startswith("cli/")
        for function in functions(module)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert inside == set()


def test_modules_say_what_they_are() -> None:
    """Every module begins with a sentence about itself."""
    assert [name(each) for each in MODULES if not ast.get_docstring(tree(each))] == []


def test_packages_say_what_they_own() -> None:
    """Every package says what it owns, and what it must not know."""
    silent = []
    for module in MODULES:
        if module.name == "__init__.py":
            said = " ".join((ast.get_docstring(tree(module)) or "").split())
            silent += [name(module) for phrase in ("Owns: ", "ust not know: ") if phrase not in said]
    assert silent == []


def test_no_module_is_a_drawer() -> None:
    """No module is named for being handy: everything has a place of its own."""
    drawers = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert [name(each) for each in MODULES if {each.stem, each.parent.name} & drawers] == []
