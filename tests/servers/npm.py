"""Packages from npm, installed from the lock file beside the tests that use them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.locks import alone


def require_packages(folder: Path) -> Path:
    """Install the packages of a folder's lock file, unless they are installed, and return their folder.

    Without Node or npm the test is skipped. In CI it fails.

    Args:
        folder: has `package.json` and `package-lock.json`.
    """
    missing = [name for name in ("node", "npm") if not shutil.which(name)]
    installed = folder / "node_modules"
    if not missing:
        with alone("npm"):
            if not (installed / ".package-lock.json").exists():
                install = ["npm", "ci", "--ignore-scripts"]
                done = subprocess.run(install, cwd=folder, capture_output=True, check=False)
                missing = [f"the packages of {folder.parent.name}/{folder.name}"] if done.returncode else []
    if missing:
        reason = f"{' and '.join(missing)} cannot be installed here"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return installed
