"""No token outlives the app password that gave it, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from werkzeug.test import TestResponse

from directory import DirectoryUnavailable
from models import AppPassword, AppPasswordStore, db
from tests.conftest import NOON, Registered, Site
from tests.fakes import FakeDirectory
from tests.oauth.answers import INVALID_CLIENT, INVALID_GRANT, OK, status_and_error
from tests.oauth.app_passwords import DAY, ID, end_app_password, make_app_password, stored_app_password
from tests.servers.migrated import migrated_database
from tests.servers.postgresql import Postgresql

RACERS, ROUNDS = 4, 6


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def place(
    request: pytest.FixtureRequest, make_site: Callable[..., Site], fake: FakeDirectory
) -> Iterator[Site]:
    """An application on a database of its own."""
    # With a high cap, almost no issue looks for a surplus: then PostgreSQL stores it in one statement.
    settings = {"NETID_THREADS": str(RACERS + 2), "NETID_GRANTS_PER_PERSON": "100000"}
    if request.param == "sqlite":
        yield make_site(fake, **settings)
        return
    server: Postgresql = request.getfixturevalue("postgresql")
    with migrated_database(server, "app_passwords", request.getfixturevalue("tmp_path")) as url:
        site = make_site(fake, **settings, NETID_DATABASE_URL=url)
        yield site
        with site.app.app_context():
            db.engine.dispose()


@pytest.fixture
def client(place: Site) -> Registered:
    """A client that may refresh."""
    return place.register("a program", "--grant", "refresh_token", "--scope", "profile email")


def is_active(site: Site, client: Registered, token: str) -> bool:
    """Whether a client sees its token as active (RFC 7662, 2.2)."""
    return bool(site.post("/oauth/introspect", client, token=token).get_json()["active"])


def login(site: Site, client: Registered, value: str) -> dict[str, Any]:
    """The answer to a login with an app password."""
    answer = site.ask_token(client, password=value)
    assert status_and_error(answer) == OK
    body: dict[str, Any] = answer.get_json()
    return body


def test_end_takes_every_token_with_it(place: Site, client: Registered) -> None:
    """Once it is revoked, its access tokens and refresh tokens are worth nothing; others are as before."""
    value, other = make_app_password(place, client), b"another one 1234"
    kept = login(place, client, make_app_password(place, client, id=other))
    by_password = place.ask_token(client).get_json()
    first = login(place, client, value)
    second = place.refresh(client, login(place, client, value)["refresh_token"]).get_json()
    end_app_password(place)
    for tokens in (first, second):
        assert place.get("/api/me", tokens["access_token"]).status_code == 401
        for kind in ("access_token", "refresh_token"):
            assert not is_active(place, client, tokens[kind])
        assert status_and_error(place.refresh(client, tokens["refresh_token"])) == INVALID_GRANT
    assert status_and_error(place.ask_token(client, password=value)) == INVALID_GRANT
    for tokens in (kept, by_password):
        assert is_active(place, client, tokens["access_token"])
        assert status_and_error(place.refresh(client, tokens["refresh_token"])) == OK


def test_tokens_end_with_it(place: Site, client: Registered) -> None:
    """No lifetime reaches beyond its end: not of the access token, the refresh token, or the grant."""
    value = make_app_password(place, client, expires_at=NOON + 100)
    tokens = login(place, client, value)
    assert tokens["expires_in"] == 100
    introspected = place.post("/oauth/introspect", client, token=tokens["refresh_token"]).get_json()
    assert introspected["exp"] == NOON + 100
    place.clock.now += 40
    renewed = place.refresh(client, tokens["refresh_token"]).get_json()
    assert renewed["expires_in"] == 60
    place.clock.now += 60
    for token in (tokens["access_token"], renewed["access_token"], renewed["refresh_token"]):
        assert not is_active(place, client, token)
    assert place.get("/api/me", renewed["access_token"]).status_code == 401
    assert status_and_error(place.refresh(client, renewed["refresh_token"])) == INVALID_GRANT
    assert status_and_error(place.ask_token(client, password=value)) == INVALID_GRANT


def test_jwt_says_when_it_ends(place: Site) -> None:
    """A JWT access token carries the end of the app password, so that every API sees it (RFC 9068, 2.2)."""
    options = ("--access-token-format", "ES256", "--scope", "profile")
    client = place.register("a program", "--grant", "refresh_token", *options)
    tokens = login(place, client, make_app_password(place, client, expires_at=NOON + 30))
    assert tokens["expires_in"] == 30
    assert (
        place.post("/oauth/introspect", client, token=tokens["access_token"]).get_json()["exp"] == NOON + 30
    )


def test_kept_refresh_token_ends_with_it(place: Site) -> None:
    """A refresh token that is kept instead of rotated moves its end no further than the app password's."""
    client = place.register("a program", "--grant", "refresh_token", "--keep-refresh-token")
    tokens = login(place, client, make_app_password(place, client, expires_at=NOON + 2 * DAY))
    place.clock.now += DAY
    renewed = place.refresh(client, tokens["refresh_token"]).get_json()
    introspected = place.post("/oauth/introspect", client, token=renewed["refresh_token"]).get_json()
    assert introspected["exp"] == NOON + 2 * DAY
    place.clock.now += DAY
    assert status_and_error(place.refresh(client, tokens["refresh_token"])) == INVALID_GRANT


def test_refresh_is_a_use(place: Site, client: Registered) -> None:
    """A program that refreshes keeps its app password from falling into disuse."""
    value = make_app_password(place, client)
    tokens = login(place, client, value)
    for _ in range(10):
        place.clock.now += 10 * DAY
        tokens = place.refresh(client, tokens["refresh_token"]).get_json()
    assert stored_app_password(place).last_used_at == place.clock.now
    login(place, client, value)


def test_use_is_noted_once_a_minute(place: Site, client: Registered) -> None:
    """A script that logs in all the time does not write its last use each time, and still sees an end."""
    value, noted = make_app_password(place, client), []
    for _ in range(4):
        login(place, client, value)
        noted.append(stored_app_password(place).last_used_at)
        place.clock.now += 25
    assert noted == [NOON, NOON, NOON, NOON + 75]
    end_app_password(place)
    assert status_and_error(place.ask_token(client, password=value)) == INVALID_GRANT


def test_refresh_works_from_its_networks_only(place: Site, client: Registered) -> None:
    """A refresh token is of no use outside the networks of the app password, and stays good inside them."""
    value = make_app_password(place, client, networks=["127.0.0.0/8"])
    token = login(place, client, value)["refresh_token"]
    elsewhere = place.app.test_client().post(
        "/oauth/token",
        data={"grant_type": "refresh_token", "refresh_token": token},
        auth=client.basic,
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    )
    assert status_and_error(elsewhere) == INVALID_GRANT
    assert status_and_error(place.refresh(client, token)) == OK


@pytest.mark.parametrize("used_at", [None, NOON])
def test_end_during_a_login_gives_no_token(
    place: Site, client: Registered, monkeypatch: pytest.MonkeyPatch, used_at: int | None
) -> None:
    """An end between the look-up and the issue is seen in the transaction of the issue."""
    value = make_app_password(place, client, last_used_at=used_at)
    # The first use of a secret is noted in the same transaction, and a later one is not.
    place.ask_token(client)
    find = AppPasswordStore.find

    def find_and_end(store: AppPasswordStore, digest: bytes) -> AppPassword | None:
        found = find(store, digest)
        end_app_password(place)
        return found

    monkeypatch.setattr(AppPasswordStore, "find", find_and_end)
    answer = place.ask_token(client, password=value)
    assert status_and_error(answer) == INVALID_GRANT
    with place.app.app_context(), db.engine.connect() as link:
        assert link.exec_driver_sql('SELECT count(*) FROM "grant"').scalar() == 1
        assert link.exec_driver_sql("SELECT count(*) FROM access_token").scalar() == 1


@pytest.mark.parametrize("used_at", [None, NOON])
def test_client_that_is_disabled_during_a_login_gets_no_token(
    place: Site, client: Registered, monkeypatch: pytest.MonkeyPatch, used_at: int | None
) -> None:
    """The client's end is told from that of the app password, which stays live."""
    value, find = make_app_password(place, client, last_used_at=used_at), AppPasswordStore.find
    place.ask_token(client)

    def find_and_disable(store: AppPasswordStore, digest: bytes) -> AppPassword | None:
        found = find(store, digest)
        place.run("client", "disable", client.client_id, "--yes")
        return found

    monkeypatch.setattr(AppPasswordStore, "find", find_and_disable)
    assert status_and_error(place.ask_token(client, password=value)) == INVALID_CLIENT
    with place.app.app_context(), db.engine.connect() as link:
        assert link.exec_driver_sql('SELECT count(*) FROM "grant"').scalar() == 1
    assert stored_app_password(place).ended_at is None


def test_end_during_a_refresh_gives_no_token(
    place: Site, client: Registered, fake: FakeDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An end while the directory is asked leaves no token behind."""
    token = login(place, client, make_app_password(place, client))["refresh_token"]
    read = fake.read

    def read_and_end(person_id: str, *, groups: bool = False) -> object:
        end_app_password(place)
        return read(person_id, groups=groups)

    monkeypatch.setattr(fake, "read", read_and_end)
    assert status_and_error(place.refresh(client, token)) == INVALID_GRANT
    monkeypatch.undo()
    assert status_and_error(place.refresh(client, token)) == INVALID_GRANT


def test_ends_and_issues_at_the_same_moment(place: Site, client: Registered) -> None:
    """However an end and several logins fall together, no token is live after the end."""
    for number in range(ROUNDS):
        app_password_id = number.to_bytes(16, "big")
        value = make_app_password(place, client, id=app_password_id)
        # Half of the rounds are of an app password that was used just before.
        if number % 2:
            login(place, client, value)
        line = Barrier(RACERS + 1)

        def log_in(_: int, line: Barrier = line, value: str = value) -> TestResponse:
            line.wait(10)
            return place.app.test_client().post(
                "/oauth/token",
                data={"grant_type": "password", "username": "alice", "password": value},
                auth=client.basic,
            )

        def end(line: Barrier = line, app_password_id: bytes = app_password_id) -> None:
            line.wait(10)
            end_app_password(place, app_password_id)

        with ThreadPoolExecutor(RACERS + 1) as pool:
            ending = pool.submit(end)
            answers = list(pool.map(log_in, range(RACERS)))
            ending.result()
        for answer in answers:
            assert status_and_error(answer) in {OK, INVALID_GRANT}
            if answer.status_code == 200:
                assert not is_active(place, client, answer.get_json()["access_token"])
                assert not is_active(place, client, answer.get_json()["refresh_token"])


def test_directory_away_leaves_tokens_alone(place: Site, client: Registered, fake: FakeDirectory) -> None:
    """While the directory is away, tokens of an app password are as good as any."""
    tokens = login(place, client, make_app_password(place, client))
    fake.outcome = DirectoryUnavailable("away")
    assert place.get("/api/me", tokens["access_token"]).status_code == 200
    assert place.refresh(client, tokens["refresh_token"]).status_code == 503
    assert stored_app_password(place, ID).ended_at is None
