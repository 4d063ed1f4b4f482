"""A password that a program did not URL-encode: who is told, and that it tells nothing of the password."""

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
    """A client that is registered for hints."""
    return faked.register("a script", "--url-encoding-hints")


def log_in(site: Site, client: Registered, body: str) -> dict[str, str]:
    """The answer to a login that is refused."""
    answer = site.http.post("/oauth/token", data=body, content_type=FORM, auth=client.basic)
    assert answer.status_code == 400
    told: dict[str, str] = answer.get_json()
    assert told["error"] == "invalid_grant"
    return told


def hints(site: Site) -> list[object]:
    """What the log lines of refused logins hint at."""
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
def test_sure_signs(faked: Site, fake: FakeDirectory, hinted: Registered, password: str, behind: str) -> None:
    """Where a refused password shows that it was not encoded, the log says so, and so does the answer."""
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    assert log_in(faked, hinted, START + password + behind)["error_description"] == HINT
    assert hints(faked) == ["password_not_url_encoded"]


@pytest.mark.parametrize("encode", [quote, quote_plus, lambda text: quote(text, safe="!'()*~/:@$,;?")])
@pytest.mark.parametrize("password", ["Tr0ub&d0r=3", "100%", "a b+c", "pä#|", "plain", "a/b:c@d$e"])
def test_encoded_password(
    faked: Site, fake: FakeDirectory, hinted: Registered, password: str, encode: object
) -> None:
    """A password that was encoded, however sparingly, is no sign, whatever stands behind it."""
    assert callable(encode)
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    for behind in ("", "&", "&scope=default&vendor=1", "&resource=&x=1", "&audience=x"):
        assert log_in(faked, hinted, START + encode(password) + behind)["error_description"] == WRONG
    assert set(hints(faked)) == {None}


def test_only_who_asked_for_hints_is_told(faked: Site, fake: FakeDirectory) -> None:
    """Other clients are told the one sentence; the log says it all the same."""
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    assert log_in(faked, faked.register(), START + "a&b")["error_description"] == WRONG
    assert hints(faked) == ["password_not_url_encoded"]


def test_audit_says_so(faked: Site, fake: FakeDirectory) -> None:
    """The audit row of the refusal has the hint; that of a password which was encoded has none."""
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    client = faked.register()
    for password in ("a&b", "a%26b"):
        log_in(faked, client, START + password)
        write_refusals(faked.app)
    told = [row["hint"] for row in rows(faked, "audit_event") if row["event"] == "grant.refused"]
    assert told == ["password_not_url_encoded", None]


def test_hint_beside_a_reason(faked: Site, fake: FakeDirectory) -> None:
    """A client that is told both hints and reasons is told both."""
    fake.outcome = InvalidCredentials(Refusal.LOCKED)
    client = faked.register("a script", "--url-encoding-hints", "--told-reasons")
    told = log_in(faked, client, START + "a&b")
    assert told["error_description"] == HINT.replace(WRONG, "The account is locked.")
    assert told["reason"] == "locked"


def test_hint_is_no_oracle(faked: Site, fake: FakeDirectory, hinted: Registered) -> None:
    """Whatever a login was refused for, the answer to the same body is the same to the byte."""
    answers = set()
    for reason in Refusal:
        faked.clock.now += 86_400
        fake.outcome = InvalidCredentials(reason, "the server's own words")
        answers.add(str(log_in(faked, hinted, START + "a&b=c")))
    assert len(answers) == 1


def test_login_that_succeeds_is_told_nothing(faked: Site, hinted: Registered) -> None:
    """A password that arrived whole, encoded or not, is a login like any other."""
    answer = faked.http.post("/oauth/token", data=START + "a=b", content_type=FORM, auth=hinted.basic)
    assert answer.status_code == 200
    assert "hint" not in faked.log.getvalue()


def test_parts_of_the_password_are_logged_nowhere(
    faked: Site, fake: FakeDirectory, hinted: Registered
) -> None:
    """The names and values that came of an "&" in a password are parts of it: no log line has them."""
    fake.outcome = InvalidCredentials(Refusal.WRONG_PASSWORD)
    answer = log_in(faked, hinted, START + "Sesame&Canary0ne=Canary2wo&Canary3")
    for text in (faked.log.getvalue(), str(answer)):
        assert "Canary" not in text
        assert "Sesame" not in text


@pytest.mark.parametrize("body", [b"", b"&&", b"username=a&b", b"password", b"pass%77ord=a", b"=a&b=c"])
def test_no_password_no_sign(body: bytes) -> None:
    """A body without a password, or with an encoded one, bears no sign."""
    assert not is_left_raw(body)
