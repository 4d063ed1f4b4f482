"""A request that takes longer than a connection may be silent, at the production server."""

import json
import shutil
import subprocess
import sys
import threading
from base64 import b64encode
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
import trustme

from tests.servers.crowd import SERVICE_DN, SERVICE_PASSWORD, crowd, net_id, password
from tests.servers.netid import PROJECT, environment, serving
from tests.servers.slapd import SUFFIX, Slapd, require_slapd

pytestmark = pytest.mark.slow

_FIRST_REQUEST_SECONDS = 4.0
# Longer than a connection may wait for its first request, by more than one inspection.
_FROZEN_SECONDS = _FIRST_REQUEST_SECONDS + 2.5
_HURRIED = ("tests.serving.hurried", "10", str(_FIRST_REQUEST_SECONDS))


def test_login_longer_than_the_first_request_timeout_is_answered(
    tmp_path: Path, migrated_instance: Path
) -> None:
    """The reaper ends no connection whose first request is in progress, however slow the directory is."""
    require_slapd()
    slapd = Slapd(tmp_path / "slapd", trustme.CA(), crowd(2))
    slapd.start()
    settings = {
        "NETID_LDAP_URI": slapd.ldap,
        "NETID_LDAP_CA_FILE": str(slapd.ca_file),
        "NETID_LDAP_BIND_DN": SERVICE_DN,
        "NETID_LDAP_BIND_PASSWORD": SERVICE_PASSWORD,
        "NETID_LDAP_USER_BASE": f"ou=people,{SUFFIX}",
        "NETID_LDAP_LOGIN_DEADLINE": "25",
        "NETID_LDAP_CONNECT_TIMEOUT": "20",
        "NETID_LDAP_READ_TIMEOUT": "20",
        "NETID_WORKERS": "1",
    }
    instance = tmp_path / "instance"
    shutil.copytree(migrated_instance, instance)
    try:
        made = subprocess.run(
            [
                *(sys.executable, "-m", "flask", "client", "create", "a program"),
                "--grant",
                "password",
                "--json",
            ],
            cwd=PROJECT,
            env=environment(instance, **settings),
            capture_output=True,
            check=True,
        )
        client = json.loads(made.stdout)
        with serving(instance, settings=settings, command=_HURRIED) as running:
            slapd.freeze()
            thaw = threading.Timer(_FROZEN_SECONDS, slapd.thaw)
            thaw.start()
            try:
                assert log_in(running.port, f"{client['client_id']}:{client['client_secret']}") == 200
            finally:
                thaw.join()
    finally:
        slapd.stop()


def log_in(port: int, credentials: str) -> int:
    """The status of a login on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    form = urlencode({"grant_type": "password", "username": net_id(1), "password": password(1)})
    headers = {
        "Authorization": "Basic " + b64encode(credentials.encode()).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", "/oauth/token", form, headers)
    status = connection.getresponse().status
    connection.close()
    return status
