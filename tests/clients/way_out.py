"""The programs of examples/way-out/, registered and run as their README says, and their user at a desk.

Owns: one running program, and what its user does when it asks. Must not know: what is tested.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.conftest import Service, library
from tests.clients.phone import Phone
from tests.clients.recipes import program
from tests.servers.netid import PROJECT, environment
from tests.servers.npm import require_packages

KIT = PROJECT / "examples" / "way-out"
README = (KIT / "README.md").read_text("utf-8")
LANGUAGES = {"shell": ".sh", "python": ".py", "javascript": ".mjs"}
WAYS = ("device", "browser", "client-credentials", "app-password")
ADD_BROWSER = "--grant password --grant authorization_code"
# The words by which the README's changes of the client are found, for each section.
UPDATES = {
    "device": ["--grant password --grant urn:ietf:params:oauth:grant-type:device_code"],
    "browser": [ADD_BROWSER],
    "client-credentials": ["--grant password --grant client_credentials"],
    "app-password": [],
    "moved": [ADD_BROWSER, 'update "My grades" --grant authorization_code'],
    "public": [],
}
OPEN = re.compile(r"Open (\S+)\s+(?:and enter (\S+)\s+)?")


def path(language: str, way: str) -> Path:
    """The program of a language for a way."""
    name = way.replace("-", "_") if language == "python" else way
    return KIT / language / f"{name}{LANGUAGES[language]}"


def installed(language: str, folder: Path) -> str:
    """Copy the programs of a language into a folder, and return what runs them."""
    folder.mkdir(parents=True, exist_ok=True)
    for each in (KIT / language).iterdir():
        if each.is_file():
            shutil.copy(each, folder)
    if language == "python":
        library("authlib")
        return sys.executable
    if language == "javascript":
        packages = require_packages(PROJECT / "tests" / "clients" / "node")
        (folder / "node_modules").unlink(missing_ok=True)
        (folder / "node_modules").symlink_to(packages)
        return program("node")
    for needed in ("curl", "jq", "openssl", "perl"):
        program(needed)
    return program("bash")


def flask(line: str, service: Service) -> str:
    """Run a command of the README for the running server, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *shlex.split(line)[1:]],
        cwd=PROJECT,
        env=environment(service.ca.parents[1]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def typed(words: str, name: str, service: Service, *options: str) -> str:
    """Run the README's command that has some words, for a client of another name."""
    (line,) = (line for line in re.findall(r"^\.venv/bin/flask .*$", README, re.MULTILINE) if words in line)
    return flask(
        shlex.join([*shlex.split(line.replace("My grades", f"Grades by {name}")), *options]), service
    )


def registered(section: str, service: Service) -> dict[str, str]:
    """Register a client with the password grant, change it as a section says, and return its variables."""
    public = section == "public"
    creation = f'client create "My grades{" everywhere" * public}"'
    (line,) = (line for line in README.splitlines() if creation in line)
    made = json.loads(flask(f"{line} --json".replace("My grades", f"Grades by {section}"), service))
    for words in UPDATES[section]:
        typed(words, section, service)
    secret = {} if public else {"CLIENT_SECRET": made["client_secret"]}
    return {"CLIENT_ID": made["client_id"], **secret}


@dataclass(frozen=True)
class Desk:
    """A user's computer: a home directory, the programs, and what they are told."""

    service: Service
    api: str
    home: Path
    clients: Mapping[str, dict[str, str]]

    def environ(self, way: str, **more: str) -> dict[str, str]:
        """The variables of a program."""
        ca = str(self.service.ca)
        return {
            **os.environ,
            "SERVER": self.service.url,
            "API": self.api,
            "HOME": str(self.home),
            "CURL_CA_BUNDLE": ca,
            "REQUESTS_CA_BUNDLE": ca,
            "NODE_EXTRA_CA_CERTS": ca,
            **self.clients[way],
            **more,
        }

    @contextmanager
    def running(self, language: str, way: str, client: str, **more: str) -> Iterator[subprocess.Popen[str]]:
        """Run a program with the registration of a client."""
        starter = installed(language, self.home / language)
        with subprocess.Popen(
            [starter, str(self.home / language / path(language, way).name)],
            env=self.environ(client, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, language: str, way: str, client: str, **more: str) -> str:
        """Run a program that asks nothing, and return what it prints."""
        with self.running(language, way, client, **more) as process:
            printed, complaint = process.communicate(timeout=30)
        assert (process.returncode, complaint) == (0, "")
        return printed.strip()


def asked(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return the address that a program asks its user to open, and the code to enter."""
    assert process.stderr is not None
    shown = ""
    while not (found := OPEN.fullmatch(shown)) or ("/device" in shown and not found[2]):
        line = process.stderr.readline()
        assert line, shown
        shown += line
    return found[1], found[2] or ""


def follow(service: Service, process: subprocess.Popen[str], net_id: str, decision: str) -> None:
    """Do as the program asks."""
    answer_on_phone(service, *asked(process), net_id, decision)


def answer_on_phone(service: Service, url: str, code: str, net_id: str, decision: str) -> None:
    """Sign in at a page, enter the code if there is one, and decide if the page asks."""
    phone = Phone(service)
    phone.open(url)
    phone.sign_in(net_id)
    if code:
        phone.send(user_code=code)
    if 'name="decision"' in phone.page.text:  # a browser that allowed before returns at once
        phone.send(decision=decision)
