"""One deadline bounds all waits of a request: for the directory, a locked database, other threads."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from werkzeug.test import TestResponse

from core import request_deadline
from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap.connections.deadline import Deadline
from tests.conftest import Clock, Registered, Site
from tests.fakes import ALICE, FakeAccount, FakeDirectory
from tests.faults import database_file, rows

pytestmark = pytest.mark.slow

DEADLINE, SLACK = 1.0, 0.8
SHORT = {
    "NETID_LDAP_LOGIN_DEADLINE": str(DEADLINE),
    "NETID_LDAP_READ_TIMEOUT": "0.5",
    "NETID_LDAP_CONNECT_TIMEOUT": "0.5",
}


@pytest.fixture(autouse=True)
def _no_request() -> Iterator[None]:
    yield
    request_deadline.finish()


@pytest.fixture
def hurried(make_site: Callable[..., Site]) -> Site:
    """An application whose requests have a deadline of one second."""
    return make_site(**SHORT)


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Another program writes to the database for as long as the block lasts."""
    with closing(sqlite3.connect(database_file(site))) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def asked(site: Site, client: Registered, **parameters: str) -> tuple[TestResponse, float]:
    """A token request, and how long it took."""
    began = time.monotonic()
    answer = site.ask_token(client, **parameters)
    return answer, time.monotonic() - began


@pytest.mark.parametrize("failures", [0, 2])
def test_locked_database_is_503_to_right_and_wrong_passwords(hurried: Site, failures: int) -> None:
    """Both passwords get 503 within the deadline, with and without earlier failures."""
    client = hurried.register()
    for number in range(failures):
        assert hurried.ask_token(client, password=f"wrong{number}").status_code == 400
    with locked(hurried):
        for password in ("alice-password", "wrong"):
            answer, seconds = asked(hurried, client, password=password)
            assert answer.status_code == 503
            assert answer.get_json()["error"] == "temporarily_unavailable"
            assert int(answer.headers["Retry-After"]) > 0
            assert seconds < DEADLINE + SLACK
    assert hurried.ask_token(client).status_code == 200


def test_no_password_is_tried_while_the_database_is_locked(make_site: Callable[..., Site]) -> None:
    """Of guesses that cannot be counted, only the one under way when the first write failed is bound."""
    fake = FakeDirectory(InvalidCredentials(Refusal.WRONG_PASSWORD, "wrong"), FakeAccount(ALICE.id))
    site = make_site(fake, **SHORT)
    client = site.register()
    with locked(site):
        statuses = [site.ask_token(client, password=f"wrong{number}").status_code for number in range(4)]
    assert statuses == [503, 503, 503, 503]
    assert len(fake.bound) == 1
    assert site.ask_token(client, password="another").status_code == 400
    assert len(fake.bound) == 2


def test_refusal_does_not_wait_for_its_audit_row(make_site: Callable[..., Site], clock: Clock) -> None:
    """A refusal is answered without waiting for a lock: its audit row is best effort."""
    site = make_site(NETID_LIMIT_PERSON="1/15minutes")
    client = site.register()
    assert site.ask_token(client, password="wrong").status_code == 400
    # What waits is due to be written.
    clock.now += 61
    with locked(site):
        answer, seconds = asked(site, client)
    assert answer.status_code == 429
    assert seconds < 0.25 + SLACK
    clock.now += 61
    site.ask_token(client)
    assert "login.throttled" in {row["event"] for row in rows(site, "audit_event")}


def test_time_spent_at_the_directory_counts_at_the_database(make_site: Callable[..., Site]) -> None:
    """After a slow directory, the wait for a locked database ends with the request's deadline."""

    class Slow(FakeDirectory):
        def verify(self, *given: object, **options: object) -> object:  # type: ignore[override]
            time.sleep(0.8)
            return super().verify(*given, **options)  # type: ignore[arg-type]

    site = make_site(Slow(ALICE, FakeAccount()), **SHORT)
    client = site.register()
    with locked(site):
        answer, seconds = asked(site, client)
    assert answer.status_code == 503
    assert seconds < 1 + SLACK
    assert rows(site, "grant") == []


def test_directory_gets_the_rest_of_the_request_time() -> None:
    """A login that has waited elsewhere has less time at the directory. A command has the whole time."""
    assert Deadline.of_request(5, time.monotonic).seconds == 5
    request_deadline.begin(1)
    left = Deadline.of_request(5, time.monotonic)
    assert 0.5 < left.seconds <= 1
    assert left.remaining() <= 1
    request_deadline.begin(0)
    late = Deadline.of_request(5, time.monotonic)
    time.sleep(late.seconds)
    with pytest.raises(DirectoryUnavailable):
        late.remaining()


def test_waits_are_bounded_by_the_request() -> None:
    """A wait ends with its own bound or the request's; after the request's deadline it has 0.2 s."""
    assert request_deadline.bounded(3) == 3
    request_deadline.begin(1)
    assert request_deadline.bounded(0.5) == 0.5
    assert 0.5 < request_deadline.bounded(3) <= 1
    request_deadline.begin(-1)
    assert request_deadline.bounded(3) == 0.2
    assert request_deadline.bounded(0.1) == 0.1
    request_deadline.restart()
    request_deadline.finish()
    assert request_deadline.bounded(3) == 3


def test_deadline_restarts_when_the_body_has_arrived() -> None:
    """The time restarts when the body has arrived, so that a slow client's login is not refused."""
    request_deadline.begin(1)
    time.sleep(0.05)
    before = request_deadline.bounded(3)
    request_deadline.restart()
    assert request_deadline.bounded(3) > before


def test_no_deadline_outlives_its_request(hurried: Site) -> None:
    """After a request, its deadline no longer bounds the thread, however the request ended."""
    client = hurried.register()
    assert hurried.ask_token(client).status_code == 200
    assert request_deadline.bounded(60) == 60
    assert hurried.http.post("/oauth/token").status_code == 400
    assert request_deadline.bounded(60) == 60
