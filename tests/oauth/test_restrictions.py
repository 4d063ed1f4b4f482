"""Rules exclude people by group or affiliation, and clients by network."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from app import CannotStart
from directory import DirectoryUnavailable, Person
from tests.conftest import Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.oauth.answers import INVALID_CLIENT, INVALID_GRANT, OK, UNAVAILABLE, status_and_error

STAFF = "group:cn=staff, ou=groups, dc=campus, dc=example"
STUDENTS = "group:cn=students,ou=groups,dc=campus,dc=example"
BOB = {"username": "bob", "password": "bob-password"}


class Attentive(FakeDirectory):
    """A directory that records requests for groups, and can fail to search them."""

    def __init__(self) -> None:
        super().__init__()
        self.groups_wanted: list[bool] = []
        self.knows_groups = True

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """Record whether groups were requested, and return the outcome."""
        self._note(groups)
        return super().verify(net_id, password, groups=groups)

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """Record whether groups were requested, and return the outcome."""
        self._note(groups)
        return super().read(person_id, groups=groups)

    def _note(self, groups: bool) -> None:  # noqa: FBT001
        self.groups_wanted.append(groups)
        if groups and not self.knows_groups:
            raise DirectoryUnavailable("no groups now")


def last_reason(site: Site) -> object:
    """The reason of the last refusal in the log."""
    refused = [line for line in site.log_lines() if line["event"] == "grant.refused"]
    return refused[-1]["reason"]


def same_as_wrong(site: Site, client: Registered, answer: TestResponse) -> bool:
    """Whether an answer equals that to a wrong password, byte by byte."""
    wrong = site.ask_token(client, password="wrong")
    return (answer.status_code, answer.data, dict(answer.headers)) == (
        wrong.status_code,
        wrong.data,
        dict(wrong.headers),
    )


@pytest.mark.parametrize(
    "settings",
    [
        {"NETID_REFUSE_MEMBERS": f"affiliation:alien; {STAFF}"},
        {"NETID_REFUSE_MEMBERS": "affiliation:STAFF"},
        {"NETID_ALLOW_MEMBERS": STUDENTS},
    ],
    ids=["group", "affiliation", "not-allowed"],
)
def test_rule_of_the_server_refuses_a_person(
    make_site: Callable[..., Site], settings: dict[str, str]
) -> None:
    """A person whom a rule excludes gets the answer to a wrong password; others get their tokens."""
    site = make_site(**settings)
    client = site.register()
    answer = site.ask_token(client)
    assert last_reason(site) == "not_allowed"
    assert same_as_wrong(site, client, answer)
    assert status_and_error(site.ask_token(client, **BOB)) == OK


@pytest.mark.parametrize("option", [("--refuse-member", STAFF), ("--allow-member", STUDENTS)])
def test_rule_of_a_client_refuses_a_person(site: Site, option: tuple[str, str]) -> None:
    """A rule of one client does not apply to another."""
    strict, other = site.register("strict", *option), site.register("other")
    answer = site.ask_token(strict)
    assert last_reason(site) == "not_allowed"
    assert same_as_wrong(site, strict, answer)
    assert status_and_error(site.ask_token(strict, **BOB)) == OK
    assert status_and_error(site.ask_token(other)) == OK


@pytest.mark.parametrize(
    ("group", "rule"),
    [
        ("cn=admins\\2C all,ou=groups,dc=x", "cn=admins\\, all,ou=groups,dc=x"),
        ("cn=admins,ou=groups,dc=x", "commonName=admins, ou=groups, dc=x"),
        ("cn=Müller,dc=x", "cn=M\\C3\\BCller,dc=x"),
        ("not a DN", "cn=admins,dc=x"),
    ],
)
def test_rule_refuses_the_group_in_any_spelling(
    faked: Site, fake: FakeDirectory, group: str, rule: str
) -> None:
    """A rule and the directory may spell one DN differently; a group that cannot be read is refused."""
    fake.outcome = replace(ALICE, groups=(group,))
    client = faked.register("p", "--refuse-member", f"group:{rule}")
    assert status_and_error(faked.ask_token(client)) == INVALID_GRANT
    assert last_reason(faked) == "not_allowed"


@pytest.mark.parametrize("name", ["NETID_REFUSE_MEMBERS", "NETID_ALLOW_MEMBERS", "NETID_SERVICE_ACCOUNTS"])
def test_rule_that_names_no_dn_is_refused_at_the_start(make_site: Callable[..., Site], name: str) -> None:
    """A rule that names no DN would exclude nobody, so the server does not start (RFC 4514)."""
    with pytest.raises(CannotStart, match=name):
        make_site(**{name: "affiliation:x; group:admins"})


def test_server_and_client_must_both_allow(make_site: Callable[..., Site]) -> None:
    """A client's rule cannot allow what the server's rule refuses."""
    site = make_site(NETID_ALLOW_MEMBERS=STUDENTS)
    client = site.register("p", "--allow-member", STAFF)
    assert status_and_error(site.ask_token(client)) == INVALID_GRANT
    assert status_and_error(site.ask_token(client, **BOB)) == INVALID_GRANT
    assert status_and_error(site.ask_token(client, username="jack", password="jack-password")) == OK


def test_wrong_password_of_an_excluded_person_is_the_same_answer(site: Site) -> None:
    """The rule applies after the password: the log distinguishes a guess from an excluded person."""
    client = site.register("p", "--refuse-member", STAFF)
    site.ask_token(client, password="wrong")
    assert last_reason(site) == "wrong_password"


def test_groups_are_fetched_only_for_a_rule_about_them(make_site: Callable[..., Site]) -> None:
    """A rule about affiliations, or none, costs no search for groups."""
    directory = Attentive()
    site = make_site(directory)
    for option in ((), ("--refuse-member", "affiliation:x"), ("--refuse-member", STAFF)):
        site.ask_token(site.register("p", *option))
    assert directory.groups_wanted == [False, False, True]


def test_groups_that_cannot_be_searched_are_503(make_site: Callable[..., Site]) -> None:
    """If a rule cannot be decided, the answer is 503, neither a token nor a refusal."""
    directory = Attentive()
    site = make_site(directory)
    client = site.register("p", "--refuse-member", STAFF)
    directory.knows_groups = False
    assert status_and_error(site.ask_token(client)) == UNAVAILABLE


def test_rules_apply_at_a_refresh(faked: Site, fake: FakeDirectory) -> None:
    """A person who joined a refused group is refused until they leave it (RFC 6749, 6)."""
    client = faked.register("p", "--grant", "refresh_token", "--refuse-member", "affiliation:admin")
    token = faked.ask_token(client).get_json()["refresh_token"]
    fake.outcome = replace(ALICE, affiliations=("admin",))
    assert status_and_error(faked.refresh(client, token)) == INVALID_GRANT
    assert last_reason(faked) == "not_allowed"
    fake.outcome = ALICE
    assert status_and_error(faked.refresh(client, token)) == OK


@pytest.mark.parametrize(
    ("network", "address", "expected"),
    [
        ("127.0.0.0/8", "127.0.0.1", OK),
        ("192.0.2.0/24", "127.0.0.1", INVALID_GRANT),
        ("192.0.2.0/24", "::ffff:192.0.2.7", OK),
        ("192.0.2.0/24", "192.0.2.7:1000", OK),
        ("2001:db8::/32", "[2001:db8::1]:443", OK),
        ("2001:db8::/32", "2001:db8::1", OK),
        ("2001:db8::/32", "192.0.2.7", INVALID_GRANT),
        ("2001:db8::1", "2001:db8::2", INVALID_GRANT),
        ("0.0.0.0/0", "nonsense", INVALID_GRANT),
    ],
)
def test_network_of_a_client_is_checked(
    faked: Site, fake: FakeDirectory, network: str, address: str, expected: tuple[int, str | None]
) -> None:
    """From another network no password is tried, and the answer is that to a wrong password."""
    client = faked.register("p", "--network", network)
    form = {"grant_type": "password", "username": "alice", "password": "x"}
    answer = faked.http.post(
        "/oauth/token", data=form, auth=client.basic, environ_base={"REMOTE_ADDR": address}
    )
    assert status_and_error(answer) == expected
    assert len(fake.asked) == (expected == OK)
    if expected != OK:
        assert last_reason(faked) == "not_from_here"


def test_network_is_checked_at_a_refresh(faked: Site) -> None:
    """A stolen refresh token is useless in another network, and stays valid in the client's own."""
    client = faked.register("p", "--grant", "refresh_token", "--network", "127.0.0.1")
    token = faked.ask_token(client).get_json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    away = faked.http.post(
        "/oauth/token", data=form, auth=client.basic, environ_base={"REMOTE_ADDR": "192.0.2.1"}
    )
    assert status_and_error(away) == INVALID_GRANT
    assert last_reason(faked) == "not_from_here"
    assert status_and_error(faked.refresh(client, token)) == OK


def test_network_is_checked_for_a_clients_own_token(faked: Site) -> None:
    """A client gets its own token only in its networks (RFC 6749, 4.4)."""
    job = faked.register("job", "--network", "192.0.2.0/24", "--scope", "x", grant="client_credentials")
    assert (
        status_and_error(faked.post("/oauth/token", job, grant_type="client_credentials")) == INVALID_CLIENT
    )
