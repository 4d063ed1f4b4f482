"""The server does not start if none of its keys can verify the database's secrets."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest

from app import PROJECT, CannotStart, create_app
from tests.conftest import Site

pytestmark = pytest.mark.slow

KEY = "first-kept-key-q7Zt2LxV9mPw4RbN8sHc"
OTHER = "other-kept-key-D3yKf6UjX1aGz5TeQo0v"


def instance_of(site: Site) -> Path:
    """The instance folder of a site, which has its own database and key."""
    return Path(site.app.instance_path)


def start(instance: Path, **settings: str) -> None:
    """Start a server on an instance folder that was used before."""
    create_app({"NETID_INSTANCE_PATH": str(instance), **settings})


def test_first_start_makes_a_private_key_file(tmp_path: Path) -> None:
    """The first start makes a key file with mode 0600, and the second start keeps it."""
    start(tmp_path)
    key = tmp_path / "secret.key"
    made = key.read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    start(tmp_path)
    assert key.read_bytes() == made


def test_lost_key_is_not_replaced_if_secrets_need_it(site: Site) -> None:
    """If stored secrets need a lost key, the server refuses to start and makes no new key."""
    site.register("Library")
    instance = instance_of(site)
    (instance / "secret.key").unlink()
    with pytest.raises(CannotStart) as caught:
        start(instance)
    said = str(caught.value)
    assert said.startswith(
        "The database holds rows, but the server key that they were made with is missing: "
    )
    assert said.endswith(f"restore {instance / 'secret.key'}.")
    assert "\n" not in said
    assert not (instance / "secret.key").exists()


def test_lost_key_is_replaced_if_no_secret_needs_it(site: Site) -> None:
    """If no secret is stored, the server makes a new key."""
    (instance_of(site) / "secret.key").unlink()
    start(instance_of(site))
    assert (instance_of(site) / "secret.key").exists()


def test_key_that_verifies_no_secret_is_refused(make_site: Callable[..., Site]) -> None:
    """A key that the stored secrets were not made under is refused; the sentence shows no key."""
    site = make_site(NETID_SECRET_KEY=KEY)
    site.register("Library")
    with pytest.raises(CannotStart) as caught:
        start(instance_of(site), NETID_SECRET_KEY=OTHER)
    said = str(caught.value)
    assert said.startswith("The database holds client secrets made under other server keys (")
    assert said.endswith("): add those keys to NETID_SECRET_KEY, behind the first.")
    assert "\n" not in said
    assert OTHER not in said


def test_old_secret_works_behind_a_new_server_key(make_site: Callable[..., Site], tmp_path: Path) -> None:
    """With the old key behind the new one, a client's old secret still works."""
    url = f"sqlite:///{tmp_path}/shared.sqlite3"
    before = make_site(NETID_DATABASE_URL=url, NETID_SECRET_KEY=KEY)
    before.run("db", "upgrade")
    client = before.register("Library")
    after = make_site(NETID_DATABASE_URL=url, NETID_SECRET_KEY=f"{OTHER} {KEY}")
    assert after.ask_token(client).status_code == 200
    assert after.ask_token(after.register("another")).status_code == 200


def test_stored_secret_names_its_key_by_fingerprint(make_site: Callable[..., Site]) -> None:
    """The database holds a key's fingerprint, which identifies a wrong key."""
    site = make_site(NETID_SECRET_KEY=KEY)
    site.register("Library")
    with closing(connect(instance_of(site) / "netid.sqlite3")) as database:
        ((key_id,),) = database.execute("SELECT key_id FROM client_secret").fetchall()
    assert len(key_id) == 16
    assert KEY not in key_id


def test_refused_start_is_one_sentence(make_site: Callable[..., Site]) -> None:
    """An operator who starts with the wrong key reads one sentence, and no traceback."""
    site = make_site(NETID_SECRET_KEY=KEY)
    site.register("Library")
    done = subprocess.run(
        [sys.executable, "-m", "flask", "client", "list"],
        cwd=PROJECT,
        env={"NETID_INSTANCE_PATH": str(instance_of(site)), "NETID_SECRET_KEY": OTHER},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: The database holds client secrets made under other server keys (")
    assert len(done.stderr.splitlines()) == 1
