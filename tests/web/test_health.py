"""Liveness, readiness and degradation differ."""

from collections.abc import Callable

import pytest

from directory import DirectoryUnavailable
from tests.conftest import Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import drop_table, ruin_database

DEAD = DirectoryUnavailable("nobody answers at ldap1.campus.example", alarm=True)


def test_ready_with_database_and_directory(site: Site) -> None:
    """The server is ready if database and directory answer."""
    answer = site.http.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "ok", "database": "ok", "directory": "ok"}


def test_dead_directory_degrades(make_site: Callable[..., Site]) -> None:
    """Without a directory issued tokens still work: the server stays ready and reports `degraded`."""
    answer = make_site(FakeDirectory(DEAD)).http.get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {"status": "degraded", "database": "ok", "directory": "unavailable"}
    assert "campus.example" not in answer.text


@pytest.mark.parametrize("fault", [ruin_database, lambda site: drop_table(site, "alembic_version")])
def test_dead_database_is_503(site: Site, fault: Callable[[Site], None]) -> None:
    """Without a database, or with another release's schema, the server is not ready."""
    fault(site)
    answer = site.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json() == {"status": "unavailable", "database": "unavailable", "directory": "ok"}


def test_process_is_alive_without_directory_and_database(make_site: Callable[..., Site]) -> None:
    """A dead directory or database must not restart the process: `/healthz` stays 200."""
    site = make_site(FakeDirectory(DEAD))
    ruin_database(site)
    answer = site.http.get("/healthz")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_ready_again_when_the_directory_is_back(make_site: Callable[..., Site]) -> None:
    """When the directory is back, the server is ready again without a restart."""
    directory = FakeDirectory(DEAD)
    site = make_site(directory)
    assert site.http.get("/readyz").get_json()["status"] == "degraded"
    directory.outcome = ALICE
    assert site.http.get("/readyz").get_json()["status"] == "ok"


def test_probe_tries_no_login(make_site: Callable[..., Site]) -> None:
    """A health probe never tries a login."""
    directory = FakeDirectory()
    make_site(directory).http.get("/readyz")
    assert directory.asked == []


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_answer_is_never_stored(site: Site, path: str) -> None:
    """The answer to a probe is no-store and ends in a newline."""
    answer = site.http.get(path)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data.endswith(b"\n")
