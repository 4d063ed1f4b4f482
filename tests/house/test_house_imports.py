"""The import contracts hold, and fail for a tree that breaks them."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
CONFIGURATION = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]

# A module, and what it must never import.
WRONG = {
    "login/service.py": "models",
    "telemetry/redaction.py": "models",
    "directory/contract.py": "flask",
    "oauth/policy/scope.py": "ldap3",
    "oauth/server.py": "oauth.grants",
    "login/__init__.py": "sqlalchemy",
    "models/grants/purge.py": "authlib",
    "oauth/policy/claims.py": "sqlalchemy",
    "web/health.py": "directory",
    "cli/token.py": "werkzeug",
    "admin/clients.py": "flask",
    "admin/scopes.py": "cli",
    "oauth/policy/membership.py": "admin",
    "directory/ldap/protocol/entry.py": "directory.ldap.factory",
    "serving/cpu_affinity.py": "serving.server",
    "models/base.py": "models.tables",
    "serving/processes/worker_slot.py": "models",
    "settings/rules.py": "telemetry",
    "outgoing/addresses.py": "werkzeug",
    "login/names.py": "httpcore",
}


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run the contracts on a tree."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=tree,
        env={"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of what the contracts speak of."""
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    for package in CONFIGURATION["root_packages"]:
        shutil.copytree(PROJECT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    for module in PROJECT.glob("*.py"):
        shutil.copy(module, tmp_path)
    return tmp_path


def test_contracts_hold() -> None:
    """Nobody imports what they must not know."""
    done = lint(PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_contracts_speak_of_every_package() -> None:
    """No package of ours is outside the contracts."""
    packages = {found.parent.name for found in PROJECT.glob("*/__init__.py")} - {"tests"}
    assert set(CONFIGURATION["root_packages"]) == packages


def test_wrong_import_is_caught_by_its_line(copied: Path) -> None:
    """A wrong import breaks its contract, each contract can be broken, and the line is named."""
    expected = []
    for module, forbidden in WRONG.items():
        file = copied / module
        written = file.read_text().rstrip("\n") + f"\nimport {forbidden}\n"
        file.write_text(written)
        importer = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        expected.append(f"{importer} -> {forbidden} (l.{len(written.splitlines())})")
    done = lint(copied)
    assert done.returncode == 1
    assert f"{len(CONFIGURATION['contracts'])} broken" in done.stdout
    assert [line for line in expected if line not in done.stdout] == []
