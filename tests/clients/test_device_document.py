"""The commands and the program of docs/device.md, and requests-oauthlib; a user answers on a phone."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.clients.conftest import Service, library
from tests.clients.phone import Phone
from tests.clients.recipes import EXAMPLE
from tests.clients.test_documented_commands import answer, commands
from tests.servers.netid import PROJECT

pytestmark = pytest.mark.slow

PAGE = (PROJECT / "docs" / "device.md").read_text("utf-8")
REGISTER, ASK, POLL, *_ = commands(PAGE)
(PROGRAM,) = re.findall(
    r"^As `device_login.py`[^\n]*:\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL
)


@pytest.fixture(scope="module")
def client_id(shared: Service) -> str:
    """Register the program as the document says."""
    return str(answer(REGISTER, shared)["client_id"])


def allow(service: Service, codes: dict[str, object], decision: str = "allow") -> Phone:
    """Answer a device on a phone."""
    phone = Phone(service)
    phone.open(str(codes["verification_uri_complete"]))
    phone.sign_in()
    phone.send()
    phone.send(decision=decision)
    return phone


def test_commands_of_the_document_work_as_typed(service: Service, client_id: str) -> None:
    """The codes have the members of the document; a poll waits, and gives a token after the approval."""
    codes = answer(ASK.replace("PROGRAM_CLIENT_ID", client_id), service)
    (documented,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert list(codes) == re.findall(r'"([a-z_]+)":', documented)
    poll = POLL.replace("PROGRAM_CLIENT_ID", client_id).replace("DEVICE_CODE", str(codes["device_code"]))
    assert answer(poll, service)["error"] == "authorization_pending"
    phone = allow(service, codes)
    assert "The device is connected" in phone.page.text
    token = answer(poll, service)
    assert (token["token_type"], token["scope"]) == ("Bearer", "profile")
    assert "refresh_token" in token


def test_program_of_the_document_signs_in(service: Service, client_id: str, tmp_path: Path) -> None:
    """The program prints where to go, waits, and knows its user."""
    script = tmp_path / "device_login.py"
    script.write_text(PROGRAM.replace(EXAMPLE, service.url).replace("PROGRAM_CLIENT_ID", client_id), "utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(service.ca)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        found = re.fullmatch(
            r"To sign in, open (\S+) in a browser and enter the code (\S+)\.\n", process.stdout.readline()
        )
        assert found
        phone = Phone(service)
        phone.open(found[1])
        phone.sign_in("bob")
        phone.send(user_code=found[2])
        phone.send(decision="allow")
        printed, _ = process.communicate(timeout=30)
    assert (printed, process.returncode) == ("Signed in: bob\n", 0)


def test_requests_oauthlib_polls_until_the_user_allows(service: Service, client_id: str) -> None:
    """Its DeviceClient asks for the token by the code, and knows the errors of RFC 8628."""
    oauthlib, session = library("oauthlib.oauth2"), library("requests_oauthlib")
    errors = library("oauthlib.oauth2.rfc6749.errors")
    http = session.OAuth2Session(client=oauthlib.DeviceClient(client_id, scope=["profile"]))
    form = {"client_id": client_id, "scope": "profile"}
    codes = requests.post(f"{service.url}/oauth/device", data=form, timeout=10).json()

    def fetch() -> dict[str, object]:
        token: dict[str, object] = http.fetch_token(
            service.token_url, device_code=codes["device_code"], include_client_id=True
        )
        return token

    with pytest.raises(errors.CustomOAuth2Error, match="authorization_pending"):
        fetch()
    allow(service, codes)
    assert fetch()["scope"] == ["profile"]
    assert http.get(f"{service.url}/api/me", timeout=10).json()["net_id"] == "alice"


def test_denied_program_says_so(service: Service, client_id: str, tmp_path: Path) -> None:
    """A user who denies ends the program with a sentence."""
    script = tmp_path / "device_login.py"
    script.write_text(PROGRAM.replace(EXAMPLE, service.url).replace("PROGRAM_CLIENT_ID", client_id), "utf-8")
    with subprocess.Popen(
        [sys.executable, str(script)],
        env={**os.environ, "REQUESTS_CA_BUNDLE": str(service.ca)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        code = process.stdout.readline().rstrip(".\n").rsplit(" ", 1)[1]
        page = f"{service.url}/device?user_code={code}"
        allow(service, {"verification_uri_complete": page}, "deny")
        _, complaint = process.communicate(timeout=30)
    assert complaint == "The request was denied in the browser.\n"
