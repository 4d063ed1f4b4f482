"""Each request has an id, which its answer, its log lines, its audit rows and its errors name."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.conftest import Registered, Site
from tests.faults import rows, ruin_database

OURS = re.compile(r"[0-9a-f]{16}")
TRACE = "4f1c0d1e-7a55-4c1e-9d0f-1f2e3d4c5b6a"
PASSWORD = {"grant_type": "password", "username": "alice", "password": "alice-password"}


@pytest.fixture
def behind(make_site: Callable[..., Site]) -> Site:
    """An application behind one trusted proxy."""
    return make_site(NETID_TRUSTED_PROXIES="1")


def plain(site: Site) -> FlaskClient:
    """A client that shows answers as they are."""
    return site.app.test_client()


def log_in(site: Site, client: Registered, typed: str | None = None, **headers: str) -> TestResponse:
    """Send a token request, with the right password if none is given."""
    form = {**PASSWORD, "password": typed or PASSWORD["password"]}
    return plain(site).post("/oauth/token", data=form, auth=client.basic, headers=headers)


def id_of(answer: TestResponse) -> str:
    """The only id of an answer."""
    (found,) = answer.headers.getlist("X-Request-Id")
    return found


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/readyz", "/api/me", "/oauth/userinfo", "/oauth/token", "/nothing", "/oauth/jwks"],
)
def test_every_answer_has_an_id_of_its_own(site: Site, path: str) -> None:
    """Answers of every kind, errors included, have a new id."""
    ids = {id_of(plain(site).get(path)) for _ in range(3)}
    assert len(ids) == 3
    assert all(OURS.fullmatch(each) for each in ids)


def test_log_line_and_audit_row_of_a_token_have_the_id_of_the_answer(site: Site) -> None:
    """An operator finds the login that a user reports."""
    answer = log_in(site, site.register())
    (row,), (line,) = rows(site, "audit_event"), site.log_lines()
    assert row["request_id"] == line["request_id"] == id_of(answer)


def test_error_names_the_id_of_its_answer(site: Site) -> None:
    """The error and its description stay constant; the id is a member of its own (RFC 6749, 5.2 and 8.5)."""
    client = site.register()
    answers = [log_in(site, client, "wrong") for _ in range(2)]
    for answer in answers:
        assert answer.get_json() == {
            "error": "invalid_grant",
            "error_description": "The Net ID or the password is wrong.",
            "request_id": id_of(answer),
        }
    assert [line["request_id"] for line in site.log_lines()] == [id_of(answer) for answer in answers]


@pytest.mark.parametrize("path", ["/api/me", "/oauth/userinfo", "/oauth/token", "/nothing"])
def test_error_of_every_endpoint_names_its_id(site: Site, path: str) -> None:
    """Challenges, wrong methods and unknown paths name the id too."""
    answer = plain(site).get(path)
    assert answer.status_code >= 400
    assert answer.get_json()["request_id"] == id_of(answer)


def test_outage_names_its_id_in_answer_and_log(site: Site) -> None:
    """A 503 of the database is found in the log by its id."""
    token = site.token(site.register())
    ruin_database(site)
    answer = plain(site).get("/api/me", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 503
    assert answer.get_json()["request_id"] == site.log_lines()[-1]["request_id"] == id_of(answer)


def test_id_of_a_trusted_proxy_is_taken_over(behind: Site) -> None:
    """The proxy's log, our log and the audit name a request alike."""
    answer = log_in(behind, behind.register(), **{"X-Request-Id": TRACE})
    (row,), (line,) = rows(behind, "audit_event"), behind.log_lines()
    assert id_of(answer) == row["request_id"] == line["request_id"] == TRACE


def test_id_from_a_client_is_ignored_without_a_proxy(site: Site) -> None:
    """A client that talks to us directly does not choose its id."""
    answer = log_in(site, site.register(), "wrong", **{"X-Request-Id": TRACE})
    assert OURS.fullmatch(id_of(answer))
    assert TRACE not in answer.text
    assert TRACE not in site.log.getvalue()
    assert TRACE not in str(rows(site, "audit_event"))


@pytest.mark.parametrize(
    "injected",
    [
        "",
        "x" * 65,
        "a b",
        'a", "event": "token.issued',
        "a\nb",
        "a\tb",
        "=cmd()",
        "-1",
        "<script>",
        "{}",
        "a\x1b[2J",
        "caf\xe9",
        "one,two",
        "\u0661",
    ],
    ids=ascii,
)
def test_malformed_id_is_replaced(behind: Site, injected: str) -> None:
    """An id of other characters, or a long one, reaches neither log, audit nor answer."""
    client = behind.register()
    environ = {"HTTP_X_REQUEST_ID": injected.encode().decode("latin-1")}
    answer = plain(behind).post("/oauth/token", data=PASSWORD, auth=client.basic, environ_overrides=environ)
    assert answer.status_code == 200
    assert OURS.fullmatch(id_of(answer))
    (row,), (line,) = rows(behind, "audit_event"), behind.log_lines()
    assert row["request_id"] == line["request_id"] == id_of(answer)


@pytest.mark.parametrize("given", ["7", "a" * 64, "Root_1-67891233:abc.def", "0" * 32])
def test_wellformed_ids_of_proxies_are_kept(behind: Site, given: str) -> None:
    """Nginx sends 32 hexadecimal digits, Envoy a UUID, others their own forms."""
    assert id_of(plain(behind).get("/healthz", headers={"X-Request-Id": given})) == given


def test_ids_stay_unique_beyond_those_that_a_process_keeps(site: Site) -> None:
    """A process draws ids in advance; no request gets another one's."""
    http = plain(site)
    assert len({id_of(http.get("/healthz")) for _ in range(600)}) == 600
