"""The rules of the password grant policy, without a server: who is refused when, and what is announced."""

from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate
from itertools import product

import pytest

from directory import InvalidCredentials, Refusal
from models import Client, ClosedReason, PasswordGrantPolicy
from oauth.errors import PasswordGrantClosed
from oauth.policy.closed_reason import earliest_end
from oauth.policy.password_grant import KnownPeople, PasswordGrantRules
from tests.fakes import ALICE

HELP = "https://www.example.edu/way-out"
METADATA = "https://login.example.edu/.well-known/oauth-authorization-server"
NOW = 1_800_000_000
HOUR = 3600
AN_ID = b"\1" * 16
PAST, FUTURE = NOW - HOUR, NOW + HOUR

OPEN = PasswordGrantPolicy()
OFF, ENDED = PasswordGrantPolicy(off_at=NOW), PasswordGrantPolicy(ends_at=NOW)
BROWN_OUT = PasswordGrantPolicy(brown_outs=((PAST - HOUR, PAST), (NOW, FUTURE)))
ONLY, WITHOUT = PasswordGrantPolicy(app_passwords="only"), PasswordGrantPolicy(app_passwords="off")


def client(policy: PasswordGrantPolicy) -> Client:
    """A client with this policy."""
    return Client(client_id="c", client_name="a program", created_at=0, password_grant=policy)


def reason(policy: PasswordGrantPolicy, *, is_app_password: bool, ends_at: int | None = None) -> str | None:
    """Why a login is refused at NOW, None if it is not."""
    rules = PasswordGrantRules(ends_at, HELP)
    return reason_of(lambda: rules.check(client(policy), is_app_password=is_app_password, now=NOW))


def refresh_reason(
    policy: PasswordGrantPolicy, app_password_id: bytes | None, origin: str = "password"
) -> str | None:
    """Why a refresh is refused at NOW, None if it is not."""
    rules = PasswordGrantRules(None, HELP)
    return reason_of(lambda: rules.check_refresh(client(policy), origin, app_password_id, NOW))


def reason_of(check: Callable[[], None]) -> str | None:
    """Why a check refuses, None if it does not."""
    try:
        check()
    except PasswordGrantClosed as closed:
        return closed.reason
    return None


@pytest.mark.parametrize(
    ("policy", "net_id_password", "app_password"),
    [
        (OPEN, None, None),
        (OFF, "password_grant_off", "password_grant_off"),
        (OFF._replace(off_at=NOW + 1), None, None),
        (ENDED, "password_grant_ended", None),
        (ENDED._replace(ends_at=NOW + 1), None, None),
        (BROWN_OUT, "brown_out", None),
        (BROWN_OUT._replace(brown_outs=((PAST, NOW), (NOW + 1, FUTURE))), None, None),
        (ONLY, "app_passwords_only", None),
        (WITHOUT, None, "app_passwords_off"),
        (PasswordGrantPolicy(closed_to_new_people_at=PAST), None, None),
        (ONLY._replace(ends_at=PAST, brown_outs=BROWN_OUT.brown_outs), "password_grant_ended", None),
        (ONLY._replace(brown_outs=BROWN_OUT.brown_outs), "app_passwords_only", None),
        (WITHOUT._replace(off_at=PAST, ends_at=PAST), "password_grant_off", "password_grant_off"),
        (WITHOUT._replace(ends_at=PAST), "password_grant_ended", "app_passwords_off"),
    ],
)
def test_login_is_refused_by_the_strongest_reason(
    policy: PasswordGrantPolicy, net_id_password: str | None, app_password: str | None
) -> None:
    """A boundary belongs to what begins at it: an end and a brown-out start at their second."""
    assert reason(policy, is_app_password=False) == net_id_password
    assert reason(policy, is_app_password=True) == app_password


@pytest.mark.parametrize(("server", "own"), list(product((None, PAST, FUTURE), repeat=2)))
def test_earlier_end_of_server_and_client_applies(server: int | None, own: int | None) -> None:
    """Neither the client's end nor the server's puts off the other; app passwords survive both."""
    policy = PasswordGrantPolicy(ends_at=own)
    expected = "password_grant_ended" if PAST in {server, own} else None
    assert reason(policy, is_app_password=False, ends_at=server) == expected
    assert reason(policy, is_app_password=True, ends_at=server) is None


@pytest.mark.parametrize(
    ("policy", "net_id_password", "app_password"),
    [
        (OPEN, None, None),
        (BROWN_OUT, None, None),
        (ONLY, None, None),
        (ENDED, "password_grant_ended", None),
        (OFF, "password_grant_off", "password_grant_off"),
        (WITHOUT, None, "app_passwords_off"),
    ],
)
def test_refresh_is_refused_by_what_is_final(
    policy: PasswordGrantPolicy, net_id_password: str | None, app_password: str | None
) -> None:
    """A brown-out leaves refreshing alone. Tokens of another grant are never concerned."""
    assert refresh_reason(policy, None) == net_id_password
    assert refresh_reason(policy, AN_ID) == app_password
    assert refresh_reason(policy, None, "authorization_code") is None


def test_each_reason_has_a_constant_sentence_of_its_own() -> None:
    """The sentences differ, and hold only characters that an error may have (RFC 6749, 5.2)."""
    sentences = [PasswordGrantClosed(each, None).description for each in ClosedReason]
    assert len(set(sentences)) == len(sentences)
    assert all(each.isascii() and '"' not in each for each in sentences)


def test_refusal_names_the_page_of_the_campus_if_it_has_one() -> None:
    """The client is not authorized for this grant now (RFC 6749, 5.2)."""
    body = dict(PasswordGrantClosed(ClosedReason.OFF, HELP).get_body())
    assert (body["error"], body["error_uri"]) == ("unauthorized_client", HELP)
    assert "error_uri" not in dict(PasswordGrantClosed(ClosedReason.OFF, None).get_body())


def test_client_with_a_date_announces_it() -> None:
    """Deprecation has a structured date (RFC 9745, 2.1), and Sunset an HTTP-date (RFC 8594, 3)."""
    rules = PasswordGrantRules(None, HELP, METADATA)
    policy = PasswordGrantPolicy(announced_at=PAST, ends_at=NOW)
    assert list(rules.headers(client(policy))) == [
        ("Deprecation", f"@{PAST}"),
        ("Sunset", "Fri, 15 Jan 2027 08:00:00 GMT"),
        ("Link", f'<{HELP}>; rel="deprecation"'),
        ("Link", f'<{METADATA}>; rel="successor-version"'),
    ]
    assert rules.headers(client(policy)) is rules.headers(client(policy._replace()))


def test_brown_out_alone_is_a_deprecation_without_a_sunset() -> None:
    """No end is known yet."""
    policy = BROWN_OUT._replace(announced_at=PAST)
    names = [name for name, _ in PasswordGrantRules(None, None, METADATA).headers(client(policy))]
    assert names == ["Deprecation", "Link"]


@pytest.mark.parametrize(
    ("server", "own", "off", "sunset"),
    [
        (FUTURE, None, None, FUTURE),
        (FUTURE, NOW, None, NOW),
        (PAST, NOW, None, PAST),
        (None, FUTURE, NOW, NOW),
    ],
)
def test_sunset_is_the_earliest_end(
    server: int | None, own: int | None, off: int | None, sunset: int
) -> None:
    """A program that heeds the header is in time for whichever end comes first."""
    policy = PasswordGrantPolicy(ends_at=own, off_at=off)
    assert earliest_end(policy, server) == sunset
    expected = formatdate(sunset, usegmt=True)
    assert dict(PasswordGrantRules(server).headers(client(policy)))["Sunset"] == expected


def test_end_of_the_server_is_announced_to_every_client() -> None:
    """A client without dates of its own has been told since RFC 9700 forbade the grant, in January 2025."""
    headers = dict(PasswordGrantRules(FUTURE, HELP).headers(client(OPEN)))
    assert headers["Deprecation"] == "@1738281600"
    assert headers["Sunset"] == "Fri, 15 Jan 2027 09:00:00 GMT"


def test_sunset_is_never_before_the_deprecation() -> None:
    """A date that is announced after the end of the server was deprecated by then (RFC 9745, 4)."""
    policy = PasswordGrantPolicy(announced_at=NOW, ends_at=FUTURE)
    headers = dict(PasswordGrantRules(PAST).headers(client(policy)))
    assert headers["Deprecation"] == f"@{PAST}"
    assert headers["Sunset"] == formatdate(PAST, usegmt=True)


@pytest.mark.parametrize("policy", [OPEN, ONLY, PasswordGrantPolicy(closed_to_new_people_at=NOW)])
def test_client_without_a_date_announces_nothing(policy: PasswordGrantPolicy) -> None:
    """Rules without a date are no end."""
    assert list(PasswordGrantRules(None, HELP, METADATA).headers(client(policy))) == []


class Asked(list[tuple[str, str, str, int]]):
    """A look-up of people that records what it is asked. Only Alice is known."""

    def __call__(self, client_id: str, directory: str, subject: str, before: int) -> bool:
        """Whether it is Alice."""
        self.append((client_id, directory, subject, before))
        return subject == ALICE.id


CLOSED = client(PasswordGrantPolicy(closed_to_new_people_at=PAST))
ZOE = replace(ALICE, id="subject-of-zoe")


def test_open_client_asks_for_nobody() -> None:
    """A login costs no query unless the client is closed to new people."""
    asked = Asked()
    KnownPeople(asked, "default").check(client(OPEN), ZOE)
    assert asked == []


def test_known_person_is_looked_up_once() -> None:
    """A person who was there before the closing stays known; another closing is another question."""
    asked = Asked()
    people = KnownPeople(asked, "default")
    for _ in range(3):
        people.check(CLOSED, ALICE)
    assert asked == [("c", "default", ALICE.id, PAST)]
    people.check(client(PasswordGrantPolicy(closed_to_new_people_at=NOW)), ALICE)
    assert asked[1:] == [("c", "default", ALICE.id, NOW)]


def test_new_person_is_looked_up_each_time() -> None:
    """The database may learn of an earlier use, when the audit is counted."""
    asked = Asked()
    people = KnownPeople(asked, "default")
    for _ in range(2):
        with pytest.raises(InvalidCredentials) as refused:
            people.check(CLOSED, ZOE)
        assert (refused.value.reason, refused.value.person_id) == (Refusal.NOT_ALLOWED, ZOE.id)
    assert len(asked) == 2


def test_cache_of_known_people_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large campus does not fill the memory of a worker."""
    monkeypatch.setattr("oauth.policy.password_grant._KNOWN_PEOPLE", 3)
    asked: list[str] = []

    def is_known(_client_id: str, _directory: str, subject: str, _before: int) -> bool:
        asked.append(subject)
        return True

    people = KnownPeople(is_known, "default")
    for _ in range(2):
        for number in range(10):
            people.check(CLOSED, replace(ALICE, id=f"person {number}"))
    assert len(asked) == 20
