"""After too many failures, every name gets 429 with Retry-After (RFC 6585, 4)."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from app import create_app
from directory import InvalidCredentials, Refusal
from models import db
from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory
from tests.faults import drop_table, rows

LIMIT = {"NETID_LIMIT_PERSON": "3/15minutes"}


def guess(site: Site, client: Registered, *names: str, **parameters: str) -> list[int]:
    """Log in with a wrong password under each of these names. Returns the statuses."""
    form = {"password": "wrong", **parameters}
    return [site.ask_token(client, username=name, **form).status_code for name in names]


def whole_answer(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers of an answer."""
    return answer.status_code, answer.data, sorted(answer.headers)


def test_over_the_limit_is_429(make_site: Callable[..., Site]) -> None:
    """Over the limit the answer is 429 with Retry-After, as JSON; the log has the limit."""
    site = make_site(**LIMIT)
    client = site.register()
    assert guess(site, client, *["alice"] * 4) == [400, 400, 400, 429]
    answer = site.ask_token(client)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "900"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.get_json() == {
        "error": "temporarily_unavailable",
        "error_description": (
            "There were too many failed logins. The password was not looked at; please try again later."
        ),
    }
    lines = [line for line in site.log_lines() if line["event"] == "login.throttled"]
    assert [(line["reason"], line["times"]) for line in lines] == [("person_and_client", 1)]


def test_known_and_unknown_names_get_the_same_answer(make_site: Callable[..., Site]) -> None:
    """Status, body and headers of a 429 reveal neither which names exist nor any password."""
    site = make_site(**LIMIT)
    client = site.register()
    answers = []
    for name in ("alice", "nobody-at-all", "carol"):
        guess(site, client, *[name] * 3)
        answers += [site.ask_token(client, username=name, password=f"{name}-password")]
        answers += [site.ask_token(client, username=name, password="wrong")]
    assert len({str(whole_answer(answer)) for answer in answers}) == 1


def test_forged_addresses_do_not_help(make_site: Callable[..., Site]) -> None:
    """X-Forwarded-For is ignored unless a trusted proxy set it."""
    site = make_site(NETID_LIMIT_ADDRESS="3/15minutes")
    client = site.register()
    statuses = []
    for number in range(4):
        form = {"grant_type": "password", "username": f"name{number}", "password": "x"}
        headers = {"X-Forwarded-For": f"192.0.2.{number}"}
        statuses.append(site.http.post("/token", data=form, auth=client.basic, headers=headers).status_code)
    assert statuses == [400, 400, 400, 429]


def test_addresses_behind_a_trusted_proxy_have_their_own_counts(make_site: Callable[..., Site]) -> None:
    """A trusted proxy names the address; an IPv6 address counts as its /64."""
    site = make_site(NETID_LIMIT_ADDRESS="2/15minutes", NETID_TRUSTED_PROXIES="1")
    client = site.register()
    statuses = []
    for number, address in enumerate(["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"]):
        form = {"grant_type": "password", "username": f"name{number}", "password": "x"}
        headers = {"X-Forwarded-For": address}
        statuses.append(site.http.post("/token", data=form, auth=client.basic, headers=headers).status_code)
    assert statuses == [400, 400, 429, 400]


@pytest.mark.parametrize(
    "forwarded",
    [
        "8.8.8.8:{}",
        "::ffff:8.8.8.8, [::ffff:8.8.8.8]:{}",
        "[2001:db8::{}]:443",
        'for="[2001:db8::{}]"',
        "garbage{}",
        "{}" * 50,
        '"{}, 203.0.113.5',
        '"\\\\{}", "{}, 203.0.113.5',
    ],
)
def test_spelling_of_an_address_does_not_help(make_site: Callable[..., Site], forwarded: str) -> None:
    """Behind a trusted proxy, ports, quotes and junk give an attempt no separate count."""
    site = make_site(NETID_LIMIT_ADDRESS="3/15minutes", NETID_TRUSTED_PROXIES="1")
    client = site.register()
    statuses = []
    for number in range(4):
        form = {"grant_type": "password", "username": f"name{number}", "password": "x"}
        headers = {"X-Forwarded-For": forwarded.replace("{}", str(1000 + number))}
        statuses.append(site.http.post("/token", data=form, auth=client.basic, headers=headers).status_code)
    assert statuses == [400, 400, 400, 429]


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("192.0.2.9, 8.8.8.8:1000", "8.8.8.8"),
        ('"192.0.2.9, 203.0.113.5', "203.0.113.5"),
        ("garbage", "unreadable via 127.0.0.1"),
    ],
)
def test_every_record_has_the_canonical_address(
    make_site: Callable[..., Site], forwarded: str, address: str
) -> None:
    """The count, the audit and the log name the address that the proxy added, in one form."""
    site = make_site(NETID_TRUSTED_PROXIES="1")
    form = {"grant_type": "password", "username": "nobody", "password": "x"}
    headers = {"X-Forwarded-For": forwarded}
    site.http.post("/token", data=form, auth=site.register().basic, headers=headers)
    (failure,), (audited,) = rows(site, "login_failure"), rows(site, "audit_event")
    logged = site.log_lines()[-1]
    assert failure["address"] == audited["address"] == logged["address"] == address


def test_empty_setting_switches_limits_off(make_site: Callable[..., Site]) -> None:
    """An empty value of the setting switches the limits off."""
    names = ("PERSON", "CLIENT", "ADDRESS", "SERVER")
    site = make_site(**{f"NETID_LIMIT_{name}": "" for name in names})
    client = site.register()
    assert set(guess(site, client, *["alice"] * 30)) == {400}


def test_flood_is_logged_once_a_minute(make_site: Callable[..., Site]) -> None:
    """A flood of refusals fills neither the log nor the table."""
    site = make_site(**LIMIT)
    client = site.register()
    guess(site, client, *["alice"] * 50)
    lines = [line["event"] for line in site.log_lines()]
    assert lines.count("login.throttled") == 1
    assert len(rows(site, "login_failure")) == 3


def test_logins_answer_503_while_failures_cannot_be_stored(make_site: Callable[..., Site]) -> None:
    """Without the table of failures no password is tried, and one alarm is logged."""
    site = make_site(**LIMIT)
    client = site.register()
    drop_table(site, "login_failure")
    drop_table(site, "refused_password")
    assert site.ask_token(client).status_code == 503
    assert guess(site, client, *["alice"] * 5) == [503] * 5
    alarms = [line for line in site.log_lines() if line["event"] == "counters.unavailable"]
    assert [line["alarm"] for line in alarms] == [True]


def test_nothing_typed_is_stored(make_site: Callable[..., Site]) -> None:
    """An unknown name may be a password, so the table holds only its keyed digests."""
    site = make_site()
    guess(site, site.register(), "hunter2-typed-as-a-name")
    (row,) = rows(site, "login_failure")
    assert "hunter2" not in str(row)
    assert re.fullmatch("spelling:[0-9a-f]{32}", str(row["subject"]))


def _guess_in_a_process(instance: str, client: tuple[str, str], count: int) -> list[int]:
    """Guess `count` different wrong passwords. Returns the statuses."""
    app = create_app({"NETID_INSTANCE_PATH": instance, **LIMIT}, directory=_wrong())
    statuses = []
    for number in range(count):
        form = {"grant_type": "password", "username": "alice", "password": f"guess{number}-{time.time_ns()}"}
        statuses.append(app.test_client().post("/token", data=form, auth=client).status_code)
    with app.app_context():
        db.engine.dispose()
    return statuses


def _wrong() -> FakeDirectory:
    return FakeDirectory(InvalidCredentials(Refusal.WRONG_PASSWORD))


def test_two_processes_count_together(make_site: Callable[..., Site]) -> None:
    """Two processes on one database see each other's failures, and each failure counts once."""
    site = make_site(_wrong(), **LIMIT)
    client = site.register()
    instance = str(Path(site.app.instance_path))
    with ProcessPoolExecutor(2) as pool:
        tasks = [pool.submit(_guess_in_a_process, instance, client.basic, 20) for _ in range(2)]
        statuses = [status for task in tasks for status in task.result()]
    assert set(statuses) == {400, 429}
    counted = len(rows(site, "login_failure"))
    assert statuses.count(400) == counted
    # Attempts of the other worker that began before the first failure was stored may exceed the limit.
    assert 3 <= counted <= 4
    assert json.dumps([row["reason"] for row in rows(site, "login_failure")]).count("pending") == 0


def test_client_with_an_old_password_throttles_only_itself(make_site: Callable[..., Site]) -> None:
    """A client that repeats an old password is refused; the person's other clients log in."""
    site = make_site(**LIMIT)
    bad, good = site.register("bad"), site.register("good")
    assert guess(site, bad, *["alice"] * 5) == [400, 400, 400, 429, 429]
    assert site.ask_token(good).status_code == 200
