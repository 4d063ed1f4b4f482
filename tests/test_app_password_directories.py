"""Logins with app passwords at a real OpenLDAP, whose own log shows every bind, and at no server at all."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from directory.ldap import open_directory
from login.app_passwords import new_app_password
from settings import load_settings
from tests.conftest import Registered, Site
from tests.fakes import ALICE
from tests.faults import rows
from tests.oauth.answers import INVALID_GRANT, OK, UNAVAILABLE, status_and_error
from tests.oauth.app_passwords import make_app_password, stored_app_password
from tests.servers.policy import Locking, PolicySlapd
from tests.servers.slapd import SUFFIX
from wiring.from_settings import ldap_config

pytestmark = pytest.mark.server

TEMPLATE = f"uid={{username}},ou=people,{SUFFIX}"
WAYS: Mapping[str, Mapping[str, str]] = {
    "search": {},
    "template": {"NETID_LDAP_USER_DN_TEMPLATE": TEMPLATE},
}
GUESSES = 500


class Logged:
    """A slapd that locks alice after five failures, with its log, and the settings for it."""

    def __init__(self, slapd: PolicySlapd, log: Path) -> None:
        self.slapd = slapd
        self._log = log
        slapd.server.stop()
        slapd.server.start(log=log)

    @property
    def log(self) -> str:
        """What the server did so far."""
        return self._log.read_text("utf-8", errors="replace")

    def binds(self) -> list[str]:
        """The names of the entries that were bound as users, each as often as it was."""
        return re.findall(r'BIND dn="(uid=[^"]+)" method', self.log)

    def is_untouched(self) -> bool:
        """Whether no user was bound, and alice has no failure."""
        administrator = self.slapd.administrator
        return (
            not self.binds() and administrator.failures("alice") == 0 and not administrator.is_locked("alice")
        )


@pytest.fixture
def logged(policy_slapd: PolicySlapd, tmp_path: Path) -> Logged:
    """The server, with a log."""
    return Logged(policy_slapd, tmp_path / "slapd.log")


@pytest.fixture
def open_site(make_site: Callable[..., Site], tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Makes applications over real directories, whose connections are closed after the test."""
    directories = []

    def make(settings: Mapping[str, str]) -> Site:
        directory = open_directory(ldap_config(load_settings(tmp_path, settings)))
        directories.append(directory)
        return make_site(directory, **settings)

    yield make
    for directory in directories:
        directory.close()


@pytest.fixture(params=sorted(WAYS))
def place(request: pytest.FixtureRequest, open_site: Callable[..., Site], logged: Logged) -> Site:
    """An application whose service account can read users: by a search, or under a DN template."""
    return open_site({**logged.slapd.settings, **WAYS[request.param]})


@pytest.fixture
def program(place: Site) -> Registered:
    """A client that may refresh."""
    return place.register("a script", "--grant", "refresh_token", "--scope", "profile email")


def test_right_one_binds_nobody(place: Site, program: Registered, logged: Logged) -> None:
    """Three logins and a refresh leave no bind of a user in the directory's own log."""
    value = make_app_password(place, program)
    for name in ("alice", "ALICE", " alice"):
        answer = place.ask_token(program, username=name, password=value)
        assert status_and_error(answer) == OK
    assert status_and_error(place.refresh(program, answer.get_json()["refresh_token"])) == OK
    assert "SRCH" in logged.log
    assert logged.is_untouched()


def test_log_shows_a_bind_where_there_is_one(place: Site, program: Registered, logged: Logged) -> None:
    """A login with the Net ID password is in the log, so that its absence means something."""
    assert status_and_error(place.ask_token(program)) == OK
    assert len(logged.binds()) == 1


def test_500_wrong_ones_bind_and_lock_nobody(place: Site, program: Registered, logged: Logged) -> None:
    """500 wrong app passwords: no bind, no failure, no lock, and 429 once the limit is reached."""

    def guess(number: int) -> int:
        value = new_app_password()
        typed = (value, value[:-1], f" {value}", value.upper())[number % 4]
        return (
            place.app.test_client()
            .post(
                "/oauth/token",
                data={"grant_type": "password", "username": "alice", "password": typed},
                auth=program.basic,
            )
            .status_code
        )

    right = make_app_password(place, program)
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(guess, range(GUESSES)))
    assert set(statuses) == {400, 429}
    assert statuses[-1] == 429
    # Four at a time: a few pass the limit before the first of them is counted.
    assert statuses.count(400) <= 10 + 4
    assert logged.is_untouched()
    assert status_and_error(place.ask_token(program, password=right)) == OK
    assert status_and_error(place.ask_token(program)) == OK


def test_another_persons_name(place: Site, program: Registered, logged: Logged) -> None:
    """The directory says whose name was typed: another person's is refused, without a bind."""
    value = make_app_password(place, program)
    for name in ("bob", "nobody-at-all", "*", "alice)(uid=*"):
        assert status_and_error(place.ask_token(program, username=name, password=value)) == INVALID_GRANT
    assert logged.is_untouched()


def test_directory_that_is_down_is_503(place: Site, program: Registered, logged: Logged) -> None:
    """While the directory is down nothing is refused, and afterwards all is as before."""
    value = make_app_password(place, program)
    logged.slapd.server.kill()
    assert status_and_error(place.ask_token(program, password=value)) == UNAVAILABLE
    assert stored_app_password(place).ended_at is None
    assert rows(place, "login_failure") == []


def test_without_an_account_that_can_search(open_site: Callable[..., Site], logged: Logged) -> None:
    """A DN template without a service account: refused by the setting's name, and nobody is asked."""
    settings = {
        name: value for name, value in logged.slapd.settings.items() if not name.startswith("NETID_LDAP_BIND")
    }
    site = open_site({**settings, "NETID_LDAP_USER_DN_TEMPLATE": TEMPLATE})
    program = site.register()
    before = logged.log
    answer = site.ask_token(program, password=make_app_password(site, program))
    assert status_and_error(answer) == INVALID_GRANT
    assert "NETID" not in answer.text
    (line,) = [each for each in site.log_lines() if each["event"] == "grant.refused"]
    assert "NETID_LDAP_BIND_DN" in line["detail"]
    assert logged.log == before
    assert status_and_error(site.ask_token(program)) == OK


def test_embedded_directory(site: Site) -> None:
    """The embedded directory answers as a real one."""
    program = site.register()
    value = make_app_password(site, program, subject=ALICE.id)
    for name in ("alice", "Alice "):
        assert status_and_error(site.ask_token(program, username=name, password=value)) == OK
    assert status_and_error(site.ask_token(program, username="bob", password=value)) == INVALID_GRANT


@pytest.mark.parametrize("kind", ["policy_ds389", "policy_samba"])
def test_other_directories_count_nothing(
    open_site: Callable[..., Site], request: pytest.FixtureRequest, kind: str
) -> None:
    """389-ds and Active Directory (Samba) find the user by the stable id, and count no failure."""
    locking: Locking = request.getfixturevalue(kind)
    site = open_site(locking.settings)
    program = site.register()
    made = site.run(
        *("app-password", "create", program.client_id, "alice"),
        *("--label", "a script", "--days", "9", "--json"),
    )
    before = locking.administrator.failures("alice")
    for _ in range(20):
        assert site.ask_token(program, password=new_app_password()).status_code in {400, 429}
    assert status_and_error(site.ask_token(program, password=json.loads(made)["app_password"])) == OK
    assert locking.administrator.failures("alice") == before
    assert not locking.administrator.is_locked("alice")
