"""A SQLite database file is private to its owner, whatever its URL and the umask."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from app import PROJECT, CannotStart, create_app
from models import UrlRefused, db, private_database
from models.database.engine import engine_options
from tests.conftest import Site


@pytest.fixture
def no_umask() -> Iterator[None]:
    """Sets the umask to 000."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path, name: str = "*") -> dict[str, int]:
    """The mode of each file in a folder whose name matches."""
    return {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.glob(name)}


URLS = {
    "absolute": "sqlite:///{root}/here/kept.sqlite3",
    "relative": "sqlite:///kept.sqlite3",
    "relative, in a folder": "sqlite:///deep/er/kept.sqlite3",
    "relative, above": "sqlite:///../kept.sqlite3",
    "missing folders": "sqlite:///{root}/a/b/c/kept.sqlite3",
    "URI": "sqlite:///file:{root}/here/kept.sqlite3?uri=true",
    "URI with a host": "sqlite:///file://localhost{root}/here/kept.sqlite3?uri=1",
    "URI, relative": "sqlite:///file:kept.sqlite3?uri=true&mode=rwc",
    "URI, encoded": "sqlite:///file:{root}/with%2520space/kept.sqlite3?uri=true",
    "with parameters": "sqlite:///{root}/q/kept.sqlite3?timeout=5",
}


@pytest.mark.usefixtures("no_umask")
@pytest.mark.parametrize("url", URLS.values(), ids=list(URLS))
def test_database_and_its_log_are_private(tmp_path: Path, url: str) -> None:
    """A new database, its log and its index have mode 0600, and new folders 0700, under umask 000."""
    root = tmp_path / "root"
    instance = root / "instance"
    app = create_app({"NETID_INSTANCE_PATH": str(instance), "NETID_DATABASE_URL": url.format(root=root)})
    with app.app_context(), db.engine.connect() as link:
        link.exec_driver_sql("CREATE TABLE written (number INTEGER)")
        link.exec_driver_sql("INSERT INTO written VALUES (1)")
        link.commit()
        (made,) = root.rglob("kept.sqlite3")
        assert modes(made.parent, "kept*") == {
            "kept.sqlite3": 0o600,
            "kept.sqlite3-shm": 0o600,
            "kept.sqlite3-wal": 0o600,
        }
        with closing(connect(made)) as other:
            assert other.execute("SELECT number FROM written").fetchall() == [(1,)]
        db.engine.dispose()
    folders = [root, *(each for each in root.rglob("*") if each.is_dir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


@pytest.mark.parametrize("arguments", [("db", "upgrade"), ("token", "purge"), ("client", "list")])
def test_commands_make_no_open_file(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Each command opens the database in the same way: its file is private after the first one."""
    done = subprocess.run(
        ["/bin/sh", "-c", 'umask 000; exec "$@"', "sh", sys.executable, "-m", "flask", *arguments],
        cwd=PROJECT,
        env={"NETID_INSTANCE_PATH": str(tmp_path / "i"), "NETID_DATABASE_URL": "sqlite:///data/n.sqlite3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(modes(tmp_path / "i" / "data").values()) == {0o600}
    assert stat.S_IMODE((tmp_path / "i" / "data").stat().st_mode) == 0o700


def test_open_database_is_closed_to_others_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A database or log that other users could read loses these rights at the start, with a warning."""
    for name in ("n.sqlite3", "n.sqlite3-wal", "n.sqlite3-shm", "n.sqlite3-journal"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o664)
    private_database(f"sqlite:///{tmp_path}/n.sqlite3", tmp_path)
    assert set(modes(tmp_path, "n.*").values()) == {0o600}
    assert "was open to other users of this machine until now" in caplog.text
    caplog.clear()
    private_database(f"sqlite:///{tmp_path}/n.sqlite3", tmp_path)
    assert caplog.text == ""


def test_locks_of_the_process_survive(tmp_path: Path) -> None:
    """A second application on the database keeps the first one's locks (POSIX locks)."""
    file = tmp_path / "n.sqlite3"
    private_database(f"sqlite:///{file}", tmp_path)
    with closing(connect(file, timeout=0)) as writer:
        writer.execute("PRAGMA journal_mode=DELETE")
        writer.execute("BEGIN EXCLUSIVE")
        private_database(f"sqlite:///{file}", tmp_path)
        code = f"import sqlite3; sqlite3.connect({str(file)!r}, timeout=0).execute('BEGIN IMMEDIATE')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "database is locked" in done.stderr


def test_link_is_followed_to_the_file(tmp_path: Path) -> None:
    """The target of a symbolic link is closed to others, even if it does not exist yet."""
    (tmp_path / "elsewhere").mkdir()
    real = tmp_path / "elsewhere" / "real.sqlite3"
    (tmp_path / "link.sqlite3").symlink_to(real)
    url = private_database("sqlite:///link.sqlite3", tmp_path)
    assert url == f"sqlite:///{real}"
    assert modes(real.parent) == {"real.sqlite3": 0o600}
    real.chmod(0o644)
    private_database("sqlite:///link.sqlite3", tmp_path)
    assert modes(real.parent) == {"real.sqlite3": 0o600}


def test_no_file_is_created_for_a_database_that_must_exist(tmp_path: Path) -> None:
    """With mode=ro or mode=rw, a missing file stays missing."""
    for mode in ("ro", "rw"):
        private_database(f"sqlite:///file:n.sqlite3?mode={mode}&uri=true", tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("query", ["", "?mode=rwc&uri=true", "?mode=rw&uri=true", "?mode=ro&uri=true"])
def test_worker_creates_no_database(tmp_path: Path, query: str) -> None:
    """A worker creates neither file nor folder: an empty database would need no key."""
    file = tmp_path / "disk" / "netid.sqlite3"
    url = f"sqlite:///{'file:' if query else ''}{file}{query}"
    opened = create_engine(private_database(url, tmp_path, must_exist=True))
    with pytest.raises(OperationalError, match="unable to open database file"):
        opened.connect()
    assert not file.parent.exists()
    private_database(f"sqlite:///{file}", tmp_path)
    file.rename(file.with_suffix(".away"))
    with pytest.raises(OperationalError, match="unable to open database file"):
        opened.connect()
    assert not file.exists()
    file.with_suffix(".away").rename(file)
    opened.connect().close()
    opened.dispose()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite://", "names a database in memory"),
        ("sqlite:///:memory:", "names a database in memory"),
        ("sqlite:///file::memory:?uri=true", "names a database in memory"),
        ("sqlite:///file:?uri=true", "names a database in memory"),
        ("sqlite:///file:x?mode=memory&uri=true", "names a database in memory"),
        ("sqlite:///file:x", "needs both or neither of file: before the path and ?uri=true behind it"),
        ("sqlite:///x?uri=true", "needs both or neither of file: before the path and ?uri=true behind it"),
        ("sqlite:///file:x?uri=maybe", "has a parameter uri that is not true"),
        ("sqlite:///file:x?vfs=unix-none&uri=true", "has a parameter of SQLite that is not supported"),
        ("sqlite:///file:x?immutable=1&uri=true", "has a parameter of SQLite that is not supported"),
        ("sqlite:///file:x?mode=ro%26vfs=y&uri=true", "has a parameter of SQLite that is not supported"),
        ("sqlite:///x?mode=ro", "has a parameter of SQLite that is not supported"),
        ("sqlite://host/x", "names a host"),
        ("sqlite:///folder/", "names no file"),
        ("sqlite:///file:x%2500y?uri=true", "names no file"),
        ("sqlite:///folder", "is not a plain file"),
        ("sqlite:///file-in-the-way/x", "cannot be made"),
    ],
)
def test_url_without_a_file_of_its_own_is_refused(tmp_path: Path, url: str, sentence: str) -> None:
    """A URL that names no file that can be private stops the start, with one sentence."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file-in-the-way").touch()
    with pytest.raises(UrlRefused) as refused:
        private_database(url, tmp_path)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_folder_that_every_user_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """In such a folder another user could create the log before SQLite does."""
    open_to_all = tmp_path / "shared"
    open_to_all.mkdir()
    open_to_all.chmod(mode)
    with pytest.raises(CannotStart) as refused:
        create_app(
            {
                "NETID_INSTANCE_PATH": str(tmp_path / "i"),
                "NETID_DATABASE_URL": f"sqlite:///{open_to_all}/n.sqlite3",
            }
        )
    assert str(refused.value) == (
        "NETID_DATABASE_URL names a database that is in a folder that every user may write to: "
        f"chmod o-w {open_to_all}."
    )
    assert list(open_to_all.iterdir()) == []
    assert stat.S_IMODE(open_to_all.stat().st_mode) == mode
    open_to_all.chmod(0o700)


def test_open_database_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the server may not change the mode, the start is refused, with the remedy."""

    def not_ours(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "n.sqlite3").touch(mode=0o644)
    (tmp_path / "n.sqlite3").chmod(0o644)
    monkeypatch.setattr("pathlib.Path.chmod", not_ours)
    with pytest.raises(UrlRefused, match=f"chmod 600 {tmp_path}/n.sqlite3"):
        private_database("sqlite:///n.sqlite3", tmp_path)


def test_url_of_postgresql_is_unchanged(tmp_path: Path) -> None:
    """A URL of PostgreSQL is used as it is."""
    url = "postgresql+psycopg://me:pass%40word@db.example/netid?sslmode=require"
    assert private_database(url, tmp_path) == url
    assert "connect_timeout" in engine_options(url, threads=1)["connect_args"]


def test_path_with_url_characters_stays_the_path(make_site: Callable[..., Site], tmp_path: Path) -> None:
    """A file name with characters that have a meaning in URLs is used as it is."""
    name = "a?b#c%20d e.sqlite3"
    site = make_site(NETID_DATABASE_URL="sqlite:///file:a%253fb%2523c%252520d%20e.sqlite3?uri=true")
    with site.app.app_context(), db.engine.connect() as link:
        link.exec_driver_sql("CREATE TABLE written (number INTEGER)")
        assert (tmp_path / "instance0" / name).stat().st_size > 0
