"""The hint that a program did not URL-encode a password reveals nothing about the password."""

from urllib.parse import quote, quote_plus

import pytest

from directory import InvalidCredentials, Refusal
from oauth.clients.url_encoding import is_left_raw
from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory
from tests.faults import rows
from wiring.audit import write_refusals

FORM = "application/x-www-form-urlencoded"
WRONG = "The Net ID or the password is wrong."
HINT = f"{WRONG} The program did not URL-encode the password in its form (RFC 6749, appendix B)."
START = "grant_type=password&username=alice&password="


@pytest.fixture
def hinted(faked: Site) -> Registered:
    """A client with the flag for hints."""
    return faked.register("a script", "--url-encoding-hints")


def log_in(site: Site, client: Registered, body: str) -> dict[str, str]:
    """The answer to a refused login."""
    answer = site.http.post("/oauth/token", data=body, content_type=FORM, auth=client.basic)
    assert answer.status_code == 400
    members: dict[str, str] = answer.get_json()
    assert members["error"] == "invalid_grant"
    return members


def hints(site: Site) -> list[object]:
    """The hints in the log lines of refused logins."""
    return [line.get("hint") for line in site.log_lines() if line["event"] == "grant.refused"]


@pytest.mark.parametrize(
    "password",
    [
        "Tr0ub&d0r",
        "Tr0ub&d0r=3",
        "Tr0ub&&d0r",
        "100%",
        "100%zz",
        "%4",
        "a=b",
        "a b",
        "a#b",
        'a"b',
        "a|b",
        "pä",
    ],
)
@pytest.mark.parametrize("behind", ["", "&scope=default", "&client_id="])
def test_unencoded_password_is_hinted_at(
    faked: Site, fake: FakeDirectory, hinted: Registered, password: str, behind: str
) -> None:
    """If a refused password was clearly not encoded, log and answer say so."""
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    assert log_in(faked, hinted, START + password + behind)["error_description"] == HINT
    assert hints(faked) == ["password_not_url_encoded"]


@pytest.mark.parametrize("encode", [quote, quote_plus, lambda text: quote(text, safe="!'()*~/:@$,;?")])
@pytest.mark.parametrize("password", ["Tr0ub&d0r=3", "100%", "a b+c", "pä#|", "plain", "a/b:c@d$e"])
def test_encoded_password_gives_no_hint(
    faked: Site, fake: FakeDirectory, hinted: Registered, password: str, encode: object
) -> None:
    """An encoded password gives no hint, whatever parameter follows it."""
    assert callable(encode)
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    for behind in ("", "&", "&scope=default&vendor=1", "&resource=&x=1", "&audience=x"):
        assert log_in(faked, hinted, START + encode(password) + behind)["error_description"] == WRONG
    assert set(hints(faked)) == {None}


def test_only_clients_with_the_flag_get_the_hint(faked: Site, fake: FakeDirectory) -> None:
    """Other clients get the constant sentence; the log has the hint for every client."""
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    assert log_in(faked, faked.register(), START + "a&b")["error_description"] == WRONG
    assert hints(faked) == ["password_not_url_encoded"]


def test_audit_row_has_the_hint(faked: Site, fake: FakeDirectory) -> None:
    """The audit row of a refusal has the hint only if the password was not encoded."""
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    client = faked.register()
    for password in ("a&b", "a%26b"):
        log_in(faked, client, START + password)
        write_refusals(faked.app)
    hints_stored = [row["hint"] for row in rows(faked, "audit_event") if row["event"] == "grant.refused"]
    assert hints_stored == ["password_not_url_encoded", None]


def test_client_gets_both_hint_and_reason(faked: Site, fake: FakeDirectory) -> None:
    """A client with both flags gets hint and reason."""
    fake.outcome = InvalidCredentials(Refusal.LOCKED)
    client = faked.register("a script", "--url-encoding-hints", "--told-reasons")
    members = log_in(faked, client, START + "a&b")
    assert members["error_description"] == HINT.replace(WRONG, "The account is locked.")
    assert members["reason"] == "locked"


def test_hint_does_not_depend_on_the_reason(faked: Site, fake: FakeDirectory, hinted: Registered) -> None:
    """For every reason of a refusal, the same body gets the same bytes."""
    answers = set()
    for reason in Refusal:
        faked.clock.now += 86_400
        fake.outcome = InvalidCredentials(reason, "the server's own words")
        answers.add(str(log_in(faked, hinted, START + "a&b=c")))
    assert len(answers) == 1


def test_successful_login_gets_no_hint(faked: Site, hinted: Registered) -> None:
    """A login that succeeds gets no hint, encoded or not."""
    answer = faked.http.post("/oauth/token", data=START + "a=b", content_type=FORM, auth=hinted.basic)
    assert answer.status_code == 200
    assert "hint" not in faked.log.getvalue()


def test_no_part_of_the_password_is_logged(faked: Site, fake: FakeDirectory, hinted: Registered) -> None:
    """An "&" splits a password into names and values; no log line has these parts."""
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    answer = log_in(faked, hinted, START + "Sesame&Canary0ne=Canary2wo&Canary3")
    for text in (faked.log.getvalue(), str(answer)):
        assert "Canary" not in text
        assert "Sesame" not in text


@pytest.mark.parametrize("body", [b"", b"&&", b"username=a&b", b"password", b"pass%77ord=a", b"=a&b=c"])
def test_body_without_a_password_gives_no_hint(body: bytes) -> None:
    """A body without a password, or with an encoded one, gives no hint."""
    assert not is_left_raw(body)
