"""The code of the report on the password grant, run as it is printed, in each language, against a server."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from admin.usage.advice import GO, JAVA, JAVASCRIPT, KOTLIN, PHP, PYTHON, RUBY, SHELL, SWIFT, Way
from admin.usage.program_code import LANGUAGES, code_of
from tests.clients.conftest import API, PLAIN_SECRET, PROGRAM, Service
from tests.clients.languages import trusting
from tests.clients.phone import Phone
from tests.clients.recipes import program
from tests.servers.netid import PROJECT, environment

pytestmark = pytest.mark.slow

# Nothing listens at this port, so the redirect is where the phone stops.
CALLBACK = "http://127.0.0.1:9/callback"
WITHOUT_CODE = (Way.CLOSE, Way.WAIT, Way.NOTHING)
JAVA_IMPORTS = """
import java.io.IOException;
import java.net.*;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.*;
import java.util.*;
import static java.nio.charset.StandardCharsets.UTF_8;
"""
GO_PACKAGES = (
    "bufio",
    "crypto/rand",
    "crypto/sha256",
    "encoding/base64",
    "encoding/json",
    "errors",
    "fmt",
    "net/http",
    "net/url",
    "os",
    "time",
)

# What surrounds the code in a program that prints the token; {} is the code.
PRINTS_TOKEN = {
    SHELL: "{}",
    PYTHON: "{}\nprint(access_token)\n",
    JAVASCRIPT: "{}\naccessToken().then(console.log);\n",
    PHP: '<?php\n{}\necho access_token(), "\\n";\n',
    RUBY: "$stdout.sync = true\n{}\nputs access_token\n",
    GO: (
        "{}\nfunc main() {{\n\ttoken, err := accessToken()\n\tif err != nil {{\n\t\tpanic(err)\n\t}}\n"
        "\tfmt.Println(token)\n}}\n"
    ),
    JAVA: (
        JAVA_IMPORTS + "class Program {{\n{}\n"
        "public static void main(String[] none) throws Exception {{ System.out.println(token()); }}\n}}\n"
    ),
}
# The same for a program that prints where to sign in, and reads the query of the callback.
SIGNS_IN = {
    PYTHON: (
        "{}\nfrom urllib.parse import parse_qsl\n\nurl, kept = begin()\nprint(url, flush=True)\n"
        "print(finish(dict(parse_qsl(input())), kept))\n"
    ),
    JAVASCRIPT: (
        "{}\nconst {{ url, kept }} = begin();\nconsole.log(url);\n"
        'require("node:readline").createInterface({{ input: process.stdin }}).once("line", (line) => {{\n'
        "  process.stdin.destroy();\n"
        "  finish(Object.fromEntries(new URLSearchParams(line)), kept).then(console.log);\n}});\n"
    ),
    PHP: (
        '<?php\n$_SESSION = [];\n{}\necho begin(), "\\n";\nparse_str(trim(fgets(STDIN)), $query);\n'
        'echo finish($query), "\\n";\n'
    ),
    RUBY: (
        "{}\nurl, kept = start\nputs url\n$stdout.flush\n"
        "puts finish(URI.decode_www_form(gets.strip).to_h, kept)\n"
    ),
    GO: (
        "{}\nfunc main() {{\n\taddress, state, verifier := begin()\n\tfmt.Println(address)\n"
        "\tscanner := bufio.NewScanner(os.Stdin)\n\tscanner.Scan()\n"
        "\tquery, _ := url.ParseQuery(scanner.Text())\n\ttoken, err := finish(query, state, verifier)\n"
        "\tif err != nil {{\n\t\tpanic(err)\n\t}}\n\tfmt.Println(token)\n}}\n"
    ),
    JAVA: (
        JAVA_IMPORTS + "class Program {{\n{}\n"
        "public static void main(String[] none) throws Exception {{\n"
        "    String state = random(), verifier = random();\n"
        "    System.out.println(url(state, verifier));\n"
        "    String query = new Scanner(System.in).nextLine();\n"
        '    String code = query.replaceAll("(?:.*&)?code=([^&]+).*", "$1");\n'
        "    System.out.println(finish(URLDecoder.decode(code, UTF_8), verifier));\n}}\n}}\n"
    ),
}
FILES = {
    SHELL: ("program.sh", ["sh"]),
    PYTHON: ("program.py", [sys.executable]),
    JAVASCRIPT: ("program.cjs", ["node"]),
    PHP: ("program.php", ["php"]),
    RUBY: ("program.rb", ["ruby"]),
    GO: ("program.go", ["go", "run"]),
    JAVA: ("Program.java", ["java"]),
}


def each(*languages: str) -> list[Any]:
    """Languages as parameters. Those with a compiler are costly."""
    costly = pytest.mark.exhaustive
    return [pytest.param(one, marks=costly if one in {GO, JAVA} else ()) for one in languages]


def written(way: Way, language: str, service: Service, folder: Path) -> list[str]:
    """Write a program around the code, and return its command."""
    code = code_of(way, language, service.url)
    assert code is not None
    assert code.language == LANGUAGES[language]
    around = SIGNS_IN if way == Way.AUTHORIZATION_CODE else PRINTS_TOKEN
    text = around[language].format(code.text)
    if language == GO:
        used = [f'\t"{name}"\n' for name in GO_PACKAGES if f"{name.split('/')[-1]}." in text]
        text = f"package main\n\nimport (\n{''.join(used)})\n\n{text}"
    for needed in ("curl", "jq") if language == SHELL else ():
        program(needed)
    name, command = FILES[language]
    folder.joinpath(name).write_text(text, "utf-8")
    interpreter = command[0] if language == PYTHON else program(command[0])
    return [interpreter, *command[1:], str(folder / name)]


def is_live(printed: str, service: Service) -> bool:
    """Whether a program printed a live token: alone, or in the answer of the server."""
    last = printed.strip().splitlines()[-1]
    token = json.loads(last)["access_token"] if last.startswith("{") else last
    answer = requests.post(
        service.introspection_url,
        data={"token": token},
        auth=(API, PLAIN_SECRET),
        verify=str(service.ca),
        timeout=10,
    )
    active: bool = answer.json()["active"]
    return active


def command(service: Service, *arguments: str) -> Any:
    """Run `flask ARGUMENTS --json` for the running server, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "flask", *arguments, "--json"],
        cwd=PROJECT,
        env=environment(service.ca.parents[1]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def register(service: Service, *arguments: str) -> dict[str, str]:
    """Register a client, and return the variables that its program reads."""
    client = command(service, "client", "create", "p", *arguments)
    secret = client["client_secret"] or ""
    return {"NETID_CLIENT_ID": client["client_id"], "NETID_CLIENT_SECRET": secret}


@contextmanager
def running(command: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a program whose output and input are read and written line by line."""
    with subprocess.Popen(
        command,
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        yield process


def line_with(process: subprocess.Popen[str], start: str) -> str:
    """Read to the line that begins so. A runtime may print lines of its own before."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        if line.startswith(start):
            return line.strip()
        lines.append(line)
    raise AssertionError("".join(lines))


@pytest.mark.parametrize("language", each(*PRINTS_TOKEN))
@pytest.mark.parametrize("way", [Way.CLIENT_CREDENTIALS, Way.APP_PASSWORD])
def test_program_gets_a_token_by_itself(service: Service, tmp_path: Path, way: Way, language: str) -> None:
    """The code asks for a token as RFC 6749 says in 4.4, or in 4.3 with an app password."""
    variables = {"NETID_USER": "alice"}
    if way == Way.APP_PASSWORD:
        arguments = (PROGRAM, "alice", "--label", "export", "--days", "9")
        made = command(service, "app-password", "create", *arguments)
        variables["NETID_APP_PASSWORD"] = made["app_password"]
    client = {"NETID_CLIENT_ID": PROGRAM, "NETID_CLIENT_SECRET": PLAIN_SECRET}
    done = subprocess.run(
        written(way, language, service, tmp_path),
        env=trusting(service, **client, **variables),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert is_live(done.stdout, service)


@pytest.mark.parametrize("language", each(SHELL, PYTHON, JAVASCRIPT, PHP, RUBY, GO))
def test_program_shows_a_code_and_gets_a_token(service: Service, tmp_path: Path, language: str) -> None:
    """The code polls as RFC 8628 says in 3.4 and 3.5, while a user allows it on a phone."""
    grants = (
        "--grant",
        "urn:ietf:params:oauth:grant-type:device_code",
        "--scope",
        "profile grades",
        "--public",
    )
    variables = register(service, *grants)
    with running(
        written(Way.DEVICE_CODE, language, service, tmp_path), trusting(service, **variables)
    ) as process:
        said = line_with(process, "To sign in, open ")
        found = re.search(r"open (\S+) in a browser and enter the code (\S+)\.", said)
        assert found
        phone = Phone(service)
        phone.open(found[1])
        phone.sign_in()
        phone.send(user_code=found[2])
        phone.send(decision="allow")
        printed, _ = process.communicate(timeout=120)
    assert process.returncode == 0, printed
    assert is_live(printed, service)


@pytest.mark.parametrize("language", each(*SIGNS_IN))
def test_program_sends_its_user_here_to_sign_in(service: Service, tmp_path: Path, language: str) -> None:
    """The code makes a request with state and PKCE, and exchanges the code (RFC 6749, 4.1; RFC 7636)."""
    variables = register(
        service,
        *(
            "--grant",
            "authorization_code",
            "--scope",
            "profile grades",
            "--first-party",
            "--redirect-uri",
            CALLBACK,
        ),
    )
    environ = trusting(service, **variables, NETID_REDIRECT_URI=CALLBACK)
    with running(written(Way.AUTHORIZATION_CODE, language, service, tmp_path), environ) as process:
        url = line_with(process, f"{service.url}/oauth/authorize?")
        phone = Phone(service)
        phone.open(url)
        with pytest.raises(requests.ConnectionError) as stopped:
            phone.sign_in()
        assert stopped.value.request is not None
        query = urlsplit(str(stopped.value.request.url)).query
        printed, _ = process.communicate(f"{query}\n", timeout=120)
    assert process.returncode == 0, printed
    assert is_live(printed, service)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("way", [way for way in Way if way not in WITHOUT_CODE])
def test_each_way_has_code_in_each_language_or_a_near_one(way: Way, language: str) -> None:
    """A language without code of its own gets that of another; nothing of our example is left."""
    code = code_of(way, language, "https://issuer.example")
    assert code is not None
    assert "https://issuer.example" in code.text
    assert "campus.example" not in code.text
    assert "\t" not in code.text
    assert max(map(len, code.text.splitlines())) <= 110


def test_nothing_to_move_has_no_code() -> None:
    """A client that is closed, or that nobody has used yet, needs none."""
    found = {code_of(way, language, "x") for way in WITHOUT_CODE for language in LANGUAGES}
    assert found == {None}


def test_apps_are_shown_the_library_of_their_platform() -> None:
    """No one should write the steps of RFC 8252 by hand."""
    for language in (SWIFT, KOTLIN):
        code = code_of(Way.AUTHORIZATION_CODE, language, "x")
        assert code is not None
        assert "AppAuth" in code.text
