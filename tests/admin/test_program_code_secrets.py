"""The shell code of the report passes no secret as an argument: `ps` shows those to every user of a host."""

import os
import subprocess
from pathlib import Path

import pytest

from admin.usage.advice import SHELL, Way
from admin.usage.program_code import code_of

# In the place of curl: it notes its arguments and its input, and answers as the server does.
CURL = """#!/bin/sh
printf '%s\\n' "$@" >> "$NOTED/arguments"
case "$*" in
  */oauth/device*) echo '{"device_code": "the-secret-code", "interval": 0, "message": "Open the page."}' ;;
  *) cat >> "$NOTED/input"; echo '{"access_token": "a-token"}' ;;
esac
"""
SECRETS = {
    "NETID_CLIENT_ID": "a-program",
    "NETID_CLIENT_SECRET": "the-secret-of-the-program",
    "NETID_USER": "alice",
    "NETID_APP_PASSWORD": "the-secret-app-password",
}


@pytest.mark.parametrize("way", [Way.APP_PASSWORD, Way.CLIENT_CREDENTIALS, Way.DEVICE_CODE])
def test_no_secret_is_an_argument(way: Way, tmp_path: Path) -> None:
    """A secret goes to curl by its standard input."""
    curl, script = tmp_path / "curl", tmp_path / "program.sh"
    curl.write_text(CURL, encoding="utf-8")
    curl.chmod(0o755)
    code = code_of(way, SHELL, "https://netid.campus.example")
    assert code is not None
    assert code.language == "a shell"
    script.write_text(code.text, encoding="utf-8")
    environment = {**SECRETS, "NOTED": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    result = subprocess.run(
        ["/bin/sh", script],
        env=environment,
        input="",
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (result.returncode, "a-token" in result.stdout) == (0, True), result.stderr
    assert "the-secret" not in (tmp_path / "arguments").read_text("utf-8")
    assert "the-secret" in (tmp_path / "input").read_text("utf-8")
