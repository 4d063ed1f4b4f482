"""Eight requests with the same code at the same moment (RFC 6749, 4.1.2): one grant, which then ends."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from werkzeug.test import TestResponse

from models import AuthorizationCode, CodeStore, db
from tests.conftest import Site
from tests.fakes import FakeDirectory
from tests.oauth.answers import INVALID_GRANT, OK, status_and_error
from tests.oauth.authorizing import REDIRECT_URI, VERIFIER, allowed, parameters_of, register
from tests.servers.migrated import migrated_database
from tests.servers.postgresql import Postgresql

RACERS = 8
THREADS = str(RACERS + 1)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def track(
    request: pytest.FixtureRequest, make_site: Callable[..., Site], fake: FakeDirectory
) -> Iterator[Site]:
    """An application on a database of its own."""
    if request.param == "sqlite":
        yield make_site(fake, NETID_THREADS=THREADS)
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    with migrated_database(server, "code_races", request.getfixturevalue("tmp_path")) as url:
        site = make_site(fake, NETID_THREADS=THREADS, NETID_DATABASE_URL=url)
        yield site
        with site.app.app_context():
            db.engine.dispose()


def test_one_of_several_requests_gets_tokens(track: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them find the code unused, and one uses it up. The others prove a theft, so its grant ends."""
    client = register(track)
    code = allowed(track, parameters_of(client))
    line, find = Barrier(RACERS), CodeStore.find

    def find_together(store: CodeStore, key: bytes) -> AuthorizationCode | None:
        found = find(store, key)
        if found is not None and found.used_at is None and not line.broken:
            line.wait(10)
        return found

    monkeypatch.setattr(CodeStore, "find", find_together)
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
    }

    def run(_: int) -> TestResponse:
        return track.app.test_client().post("/oauth/token", data=form, auth=client.basic)

    with ThreadPoolExecutor(RACERS) as pool:
        answers = list(pool.map(run, range(RACERS)))
    outcomes = [status_and_error(each) for each in answers]
    assert (outcomes.count(OK), outcomes.count(INVALID_GRANT)) == (1, RACERS - 1)
    (winner,) = [each for each in answers if each.status_code == 200]
    assert track.get("/oauth/userinfo", winner.get_json()["access_token"]).status_code == 401
