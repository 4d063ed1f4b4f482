"""Sixteen requests with the same refresh token at the same moment (RFC 9700, 4.14.2)."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from werkzeug.test import TestResponse

from directory import Person
from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory
from tests.oauth.answers import INVALID_GRANT, OK, status_and_error
from tests.servers.migrated import migrated_database
from tests.servers.postgresql import Postgresql

RACERS, ROUNDS = 16, 5
# One slot fewer than threads: each racer has one.
THREADS = str(RACERS + 1)


class StartingLine(FakeDirectory):
    """A directory that answers a refresh only after all racers have asked, so none rotates early."""

    def __init__(self) -> None:
        super().__init__()
        self.racers = Barrier(1)

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """The person, when all racers are here."""
        self.racers.wait(10)
        return super().read(person_id, groups=groups)


@pytest.fixture
def directory() -> StartingLine:
    """The line at which all racers wait for each other."""
    return StartingLine()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def make_track(
    request: pytest.FixtureRequest, make_site: Callable[..., Site], directory: StartingLine
) -> Iterator[Callable[..., Site]]:
    """Makes an application for the racers, on a database of its own."""
    if request.param == "sqlite":
        yield lambda **settings: make_site(directory, NETID_THREADS=THREADS, **settings)
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    with migrated_database(server, "races", request.getfixturevalue("tmp_path")) as url:
        yield lambda **settings: make_site(
            directory, NETID_THREADS=THREADS, NETID_DATABASE_URL=url, **settings
        )


def race(site: Site, directory: StartingLine, client: Registered, token: str) -> list[TestResponse]:
    """The answers to all racers."""
    directory.racers = Barrier(RACERS)
    form = {"grant_type": "refresh_token", "refresh_token": token}

    def run(_: int) -> TestResponse:
        return site.app.test_client().post("/oauth/token", data=form, auth=client.basic)

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(run, range(RACERS)))
    directory.racers = Barrier(1)
    return answers


@pytest.mark.parametrize("token_format", ["opaque", "RS256", "ES256"])
def test_concurrent_refreshes_get_the_same_token(
    make_track: Callable[..., Site], directory: StartingLine, token_format: str
) -> None:
    """Within the window, all requests get the same rotated token, and it works."""
    site = make_track()
    client = site.register("a program", "--grant", "refresh_token", "--access-token-format", token_format)
    token = site.ask_token(client).get_json()["refresh_token"]
    for _ in range(ROUNDS):
        answers = race(site, directory, client, token)
        assert [status_and_error(answer) for answer in answers] == [OK] * RACERS
        (successor,) = {answer.data for answer in answers}
        assert site.get("/api/me", answers[0].get_json()["access_token"]).status_code == 200
        token = answers[0].get_json()["refresh_token"]
        assert token.encode() in successor


def test_one_concurrent_refresh_succeeds_without_a_replay_window(
    make_track: Callable[..., Site], directory: StartingLine
) -> None:
    """With a window of 0 one succeeds and all others are reuses, which end the grant."""
    site = make_track(NETID_REFRESH_REPLAY_WINDOW="0")
    client = site.register("a program", "--grant", "refresh_token")
    for _ in range(ROUNDS):
        body = site.ask_token(client).get_json()
        answers = race(site, directory, client, body["refresh_token"])
        outcomes = sorted((status_and_error(answer) for answer in answers), key=str)
        assert outcomes == [OK] + [INVALID_GRANT] * (RACERS - 1)
        assert site.get("/api/me", body["access_token"]).status_code == 401
