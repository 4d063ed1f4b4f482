"""Guesses at client secrets are counted by client and address, answered 429, and audited."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from cli import services_of
from models import ClientStore, db
from models.keys import digest
from tests.conftest import Registered, Site
from tests.fakes import OPERATOR
from tests.faults import rows
from tests.oauth.answers import INVALID_CLIENT, OK, status_and_error
from wiring.audit import write_refusals

LIMITS = {
    "NETID_LIMIT_AUTHENTICATION_ADDRESS": "3/15minutes",
    "NETID_LIMIT_AUTHENTICATION_CLIENT": "5/15minutes",
}
THROTTLED = (429, "temporarily_unavailable")
WEAK = Registered("old-program", "summer2019")
HOME, ATTACKER = "192.0.2.1", "198.51.100.1"

Guess = Callable[..., TestResponse]


@pytest.fixture
def limited(make_site: Callable[..., Site]) -> Site:
    """A server with small limits, and a client with a secret that could be guessed."""
    site = make_site(**LIMITS)
    imported = {"client_id": WEAK.client_id, "client_secret": WEAK.secret, "grant_types": ["password"]}
    site.run("client", "import", "-", stdin=json.dumps([imported]))
    return site


def ask(
    site: Site, client_id: str, secret: str, address: str = ATTACKER, path: str = "token"
) -> TestResponse:
    """A request of a client from an address."""
    form = {"grant_type": "password", "username": "alice", "password": "alice-password", "token": "x"}
    return site.http.post(
        f"/oauth/{path}", data=form, auth=(client_id, secret), environ_base={"REMOTE_ADDR": address}
    )


def whole_answer(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers of an answer."""
    return answer.status_code, answer.data, sorted(answer.headers)


@contextmanager
def reads(site: Site) -> Iterator[list[str]]:
    """The client ids that are read from the database within the block."""
    asked: list[str] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
        if "FROM client" in statement:
            asked.extend(parameters)

    with site.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("path", ["token", "revoke", "introspect"])
def test_guesses_beyond_the_limit_are_429(limited: Site, path: str) -> None:
    """At every endpoint failures are 401 up to the limit, then 429 with Retry-After (RFC 6585, 4)."""
    statuses = [ask(limited, WEAK.client_id, f"guess{number}", path=path) for number in range(5)]
    assert [status_and_error(answer) for answer in statuses] == [INVALID_CLIENT] * 3 + [THROTTLED] * 2
    assert statuses[-1].headers["Retry-After"] == "900"
    assert statuses[-1].get_json()["error_description"] == (
        "There were too many failed authentications of clients; please try again later."
    )


def test_endpoints_share_the_count(limited: Site) -> None:
    """A client over the limit at one endpoint is over it at every other."""
    for path in ("token", "revoke", "introspect"):
        ask(limited, WEAK.client_id, "guess", path=path)
    assert status_and_error(ask(limited, WEAK.client_id, "guess")) == THROTTLED


def test_right_guess_gets_the_answer_to_a_wrong_one(limited: Site) -> None:
    """Beyond the limit a weak secret is refused even if it is right, and the answer does not reveal that."""
    for number in range(3):
        ask(limited, WEAK.client_id, f"guess{number}")
    answers = [whole_answer(ask(limited, WEAK.client_id, secret)) for secret in ("guess", WEAK.secret)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 429


def test_unknown_and_known_clients_get_the_same_answer(limited: Site) -> None:
    """Neither the answer nor the number of tries before a 429 reveals which clients exist."""
    off = limited.register("off")
    limited.run("client", "disable", "--yes", off.client_id)
    strong, sequences = limited.register("strong"), []
    for number, client_id in enumerate((WEAK.client_id, "nobody", off.client_id, strong.client_id)):
        from_one = [whole_answer(ask(limited, client_id, "x", f"203.0.113.{number}")) for _ in range(4)]
        from_many = [whole_answer(ask(limited, client_id, "x", f"10.{number}.0.{each}")) for each in range(4)]
        sequences.append(from_one + from_many)
    assert sequences[0] == sequences[1] == sequences[2] == sequences[3]
    assert [answer[0] for answer in sequences[0]] == [401, 401, 401, 429, 401, 401, 429, 429]


def test_spellings_of_an_unknown_id_share_a_count(limited: Site) -> None:
    """An unknown id has one count, raw or form-encoded, like a registered id."""
    for client_id in ("nobody", "old-program"):
        spelled = client_id.replace("o", "%6f")
        each = [
            status_and_error(ask(limited, name, "x", f"10.{len(client_id)}.0.{number}"))
            for number, name in enumerate((client_id, spelled) * 3)
        ]
        assert each == [INVALID_CLIENT] * 5 + [THROTTLED]


def test_generated_secret_is_accepted_despite_failures(limited: Site) -> None:
    """Guesses at a client, even from its own address, do not throttle its generated secret."""
    client = limited.register("a program")
    for number in range(9):
        ask(limited, client.client_id, "guess", HOME)
        ask(limited, client.client_id, "guess", f"203.0.113.{number}")
    assert status_and_error(ask(limited, client.client_id, "guess", HOME)) == THROTTLED
    assert status_and_error(ask(limited, *client.basic, HOME)) == OK
    assert status_and_error(ask(limited, client.client_id, client.secret[:-1] + "!", HOME)) == THROTTLED


def test_client_is_not_throttled_at_its_own_addresses(limited: Site) -> None:
    """Guesses from many addresses are throttled; a client with a weak secret still works at its addresses."""
    assert status_and_error(ask(limited, *WEAK.basic, HOME)) == OK
    answers = [
        status_and_error(ask(limited, WEAK.client_id, "guess", f"203.0.113.{number}")) for number in range(9)
    ]
    assert answers == [INVALID_CLIENT] * 5 + [THROTTLED] * 4
    assert status_and_error(ask(limited, *WEAK.basic, "203.0.113.99")) == THROTTLED
    assert status_and_error(ask(limited, *WEAK.basic, HOME)) == OK


def test_failures_of_a_neighbour_throttle_no_client(limited: Site) -> None:
    """Guesses at other clients from a shared address do not throttle a client with a weak secret there."""
    assert status_and_error(ask(limited, *WEAK.basic, HOME)) == OK
    for number in range(9):
        ask(limited, f"client{number}", "guess", HOME)
    assert status_and_error(ask(limited, "another", "guess", HOME)) == THROTTLED
    assert status_and_error(ask(limited, *WEAK.basic, HOME)) == OK


def test_public_client_is_not_throttled(limited: Site) -> None:
    """A public client has no secret to guess."""
    options = ("--auth-method", "none", "--allow-public-password")
    public = limited.register("an app", *options)
    for _ in range(9):
        ask(limited, "nobody", "guess", "127.0.0.1")
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    assert status_and_error(limited.post("/oauth/token", public, **form)) == OK


def test_failures_reach_the_audit_by_the_minute(limited: Site) -> None:
    """Each client, reason and event has one row a minute, with the number of failures."""
    for number in range(6):
        ask(limited, WEAK.client_id, f"guess{number}")
    for number in range(4):
        ask(limited, "a-secret-as-id", f"guess{number}", HOME)
    write_refusals(limited.app)
    audited = [
        (row["event"], row["client_id"], row["reason"], row["times"], row["address"])
        for row in rows(limited, "audit_event")
        if row["event"] != "client.imported"
    ]
    assert audited == [
        ("client.refused", WEAK.client_id, "wrong or ended secret", None, ATTACKER),
        ("client.refused", WEAK.client_id, "wrong or ended secret", 2, ATTACKER),
        ("client.throttled", WEAK.client_id, "client_and_address", 3, ATTACKER),
        ("client.refused", None, "unknown client", 3, HOME),
        ("client.throttled", None, "client_and_address", None, HOME),
    ]


def test_nothing_that_was_tried_is_written(limited: Site) -> None:
    """No guess and no unknown id, which may be a secret, is in the log or the database."""
    for number in range(6):
        ask(limited, "hunter2-as-id", f"hunter2-guess{number}")
        ask(limited, WEAK.client_id, f"hunter2-guess{number}", HOME)
    write_refusals(limited.app)
    assert "hunter2" not in str(rows(limited, "audit_event")) + limited.log.getvalue()
    assert rows(limited, "login_failure") == []


def test_flood_is_logged_once_a_minute(limited: Site) -> None:
    """Refusals beyond a limit do not fill the log."""
    for _ in range(50):
        ask(limited, WEAK.client_id, "guess")
    lines = [line for line in limited.log_lines() if line["event"] == "client.throttled"]
    assert [(line["reason"], line["client_id"], line["times"]) for line in lines] == [
        ("client_and_address", WEAK.client_id, 1)
    ]


@pytest.mark.parametrize("kind", ["strong", "weak"])
def test_right_secret_costs_no_read(limited: Site, kind: str) -> None:
    """A cached client with the right secret costs no read, also while guesses are counted."""
    client = WEAK if kind == "weak" else limited.register()
    ask(limited, *client.basic, HOME)
    ask(limited, "nobody", "guess", HOME)
    with reads(limited) as asked:
        assert status_and_error(ask(limited, *client.basic, HOME)) == OK
    assert asked == []


@pytest.mark.parametrize("limit", ["", "1/15minutes"])
@pytest.mark.parametrize("busy", [True, False])
def test_each_refusal_costs_one_read(make_site: Callable[..., Site], busy: bool, limit: str) -> None:  # noqa: FBT001
    """Each refusal costs one read, so its time does not reveal whether a client exists or is busy."""
    names = ("ADDRESS", "CLIENT")
    site = make_site(**{f"NETID_LIMIT_AUTHENTICATION_{name}": limit for name in names})
    client = site.register()
    for client_id in (client.client_id, "nobody"):
        for _ in range(3):
            if busy:
                ask(site, *client.basic)
            else:
                site.clock.now += 60
            with reads(site) as asked:
                assert ask(site, client_id, "guess").status_code in {401, 429}
            assert asked == [client_id]


def test_refusal_costs_the_same_for_an_unknown_client(limited: Site) -> None:
    """An unknown id, a wrong secret, and a right secret beyond the limit cost the same number of digests."""
    made: list[int] = []
    for tries in ([("nobody", "guess")] * 4, [(WEAK.client_id, "guess")] * 4, [WEAK.basic] * 2):
        for client_id, secret in tries:
            with patch("models.keys.digest.keyed_digest", wraps=digest.keyed_digest) as digests:
                ask(limited, client_id, secret, HOME if client_id == "nobody" else ATTACKER)
            made.append(digests.call_count)
    assert made == [4] * 10


def test_new_secret_works_at_once(limited: Site) -> None:
    """A cached client is read again before it is refused: another process may have added a secret."""
    client = limited.register()
    assert status_and_error(ask(limited, *client.basic)) == OK
    store: ClientStore = services_of(limited.app).clients
    with patch.object(store.recent, "forget"), limited.app.app_context():
        secret = store.rotate_secret(
            client.client_id, old_not_after=int(limited.clock.now) - 1, actor=OPERATOR
        )
    assert status_and_error(ask(limited, client.client_id, secret)) == OK


def test_client_registered_a_moment_ago_is_known(limited: Site) -> None:
    """An id that was refused as unknown works as soon as it is registered."""
    late = Registered("late", "a-secret")
    assert status_and_error(ask(limited, *late.basic)) == INVALID_CLIENT
    imported = {"client_id": late.client_id, "client_secret": late.secret, "grant_types": ["password"]}
    limited.run("client", "import", "-", stdin=json.dumps([imported]))
    assert status_and_error(ask(limited, *late.basic)) == OK


@pytest.mark.parametrize("name", ["ADDRESS", "CLIENT"])
def test_empty_setting_switches_a_limit_off(make_site: Callable[..., Site], name: str) -> None:
    """An empty value of the setting switches its limit off."""
    site = make_site(**{**LIMITS, f"NETID_LIMIT_AUTHENTICATION_{name}": ""})
    for number in range(20):
        which, where = ("client{}", ATTACKER) if name == "ADDRESS" else (WEAK.client_id, "198.51.100.{}")
        assert (
            status_and_error(ask(site, which.format(number), "guess", where.format(number))) == INVALID_CLIENT
        )
