"""The pages of docs/recipes/: their files and commands, with the values of the running server.

Owns: extracting code blocks from a page, and running a program in the foreground. Must not know: which
programs there are, and what is tested.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.conftest import Service
from tests.servers.netid import PROJECT, await_port

FOLDER = PROJECT / "docs" / "recipes"
EXAMPLE = "https://netid.campus.example"
EXAMPLE_AUDIENCE = "https://grades.campus.example"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"

# A file of a page is introduced by a paragraph that begins with "As" and its path.
_FILE = re.compile(r"^As `([^`]+)`[^\n]*(?:\n[^\n]+)*:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Recipe:
    """One page of docs/recipes/, or of another folder."""

    def __init__(self, name: str, pages: Path = FOLDER) -> None:
        self.text = (pages / f"{name}.md").read_text("utf-8")
        self.files: dict[str, str] = dict(_FILE.findall(self.text))

    def blocks(self, kind: str) -> list[str]:
        """Return the code blocks of a kind, in the page's order."""
        return [text for each, text in _BLOCK.findall(self.text) if each == kind]

    def write(self, folder: Path, service: Service, values: Mapping[str, str]) -> dict[str, Path]:
        """Write the page's files into a folder, and return them by the path that the page gives them.

        Args:
            folder: stands for the root of the file system.
            service: the authorization server; its URL and CA replace those of the page.
            values: further text to replace. Each must occur in the page.
        """
        missing = [old for old in values if not any(old in text for text in self.files.values())]
        assert not missing, f"the page does not contain {missing}"
        written = {path: folder / path.lstrip("/") for path in self.files}
        for path, target in written.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            text = self.files[path].replace(EXAMPLE, service.url).replace(BUNDLE, str(service.ca))
            absolute = {path: str(at) for path, at in written.items() if path.startswith("/")}
            for old, new in {**values, **absolute}.items():
                text = text.replace(old, new)
            target.write_text(text, "utf-8")
        return written


def program(name: str) -> str:
    """Return the path of a program. Without it the test is skipped; in CI it fails."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        missing(name)
    return str(found)


def missing(name: str) -> None:
    """Skip the test, because something is not installed; in CI, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{name} is not installed")
    pytest.skip(f"{name} is not installed")


@contextmanager
def running(
    command: list[str], port: int, folder: Path, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a program in the foreground during the block. It listens when the block begins."""
    output = folder / "output.log"
    with output.open("w") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            await_port(process, port, output)
            yield
        finally:
            process.terminate()
            process.wait(30)
