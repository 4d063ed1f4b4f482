"""Which clients have service accounts as their only users."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from admin.usage.service_accounts import allows_service_accounts_only
from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from tests.conftest import Site
from tests.fakes import ALICE, FakeDirectory

ROBOTS = "group:cn=robots-of-it,ou=groups,dc=campus,dc=example"


@pytest.mark.parametrize(
    ("allowed", "rules", "expected"),
    [
        ((), (ROBOTS,), False),
        ((ROBOTS,), (ROBOTS,), True),
        (("group:CN=Robots-of-IT, ou=groups,dc=campus,dc=example",), (ROBOTS,), True),
        ((ROBOTS, "affiliation:staff"), (ROBOTS,), False),
        ((ROBOTS, "affiliation:Robot"), (ROBOTS, "affiliation:robot"), True),
        (("group:cn=service-accounts,dc=x",), (ROBOTS,), False),
        (("group:cn=service-accounts,dc=x",), (), True),
        (("group:cn=Service Accounts+uid=1,dc=x",), (), True),
        (("affiliation:service_account",), (), True),
        (("group:cn=svc,dc=x",), (), True),
        (("group:cn=staff,ou=service-accounts,dc=x",), (), False),
        (("group:cn=customer-service,dc=x",), (), False),
        (("group:cn=service-accounts,dc=x", "affiliation:staff"), (), False),
        (("group:not a dn",), ("group:not a dn",), True),
    ],
)
def test_rules_of_a_client_say_so(allowed: Sequence[str], rules: Sequence[str], expected: bool) -> None:  # noqa: FBT001 - a row of the table
    """Every rule that allows users must mean service accounts, by the setting or by its group's name."""
    assert allows_service_accounts_only({"allow_members": allowed}, rules) is expected


@pytest.fixture
def faked(make_site: Callable[..., Site]) -> tuple[Site, FakeDirectory]:
    """A server with the rule for service accounts, and its directory."""
    directory = FakeDirectory(replace(ALICE, groups=(ROBOTS.removeprefix("group:"),)))
    return make_site(directory=directory, NETID_SERVICE_ACCOUNTS=ROBOTS), directory


def kind(site: Site) -> str | None:
    """What the report says of the only client's users."""
    (item,) = json.loads(site.run("password-grant", "report", "--json"))["items"]
    said: str | None = item["service_accounts"]
    return said


def test_client_whose_users_are_all_service_accounts_is_found_by_the_directory(
    faked: tuple[Site, FakeDirectory],
) -> None:
    """Its rules allow everybody, but nobody else has used it: the directory says so of each user."""
    site, directory = faked
    site.token(site.register("p"))
    assert kind(site) == "all users are service accounts"
    assert directory.sought == [ALICE.id]
    directory.outcome = replace(ALICE, groups=("cn=staff,dc=x",))
    assert kind(site) is None


def test_client_without_a_user_or_with_six_is_not_looked_up(
    make_site: Callable[..., Site], fake: FakeDirectory
) -> None:
    """Nothing is said of no user. Five service accounts among six users say nothing of the sixth."""
    site = make_site(directory=fake, NETID_SERVICE_ACCOUNTS=ROBOTS)
    client = site.register("p")
    assert kind(site) is None
    for number in range(6):
        groups = (ROBOTS.removeprefix("group:"),) if number else ()
        fake.outcome = replace(ALICE, id=f"user-{number}", net_id=f"user{number}", groups=groups)
        assert site.ask_token(client, username=f"user{number}").status_code == 200
        site.clock.now += 1
    assert kind(site) is None
    assert fake.sought == []


@pytest.mark.parametrize(
    "outcome", [InvalidCredentials(Refusal.UNKNOWN_PERSON), DirectoryUnavailable("it hangs")]
)
def test_report_without_an_answer_of_the_directory_claims_nothing(
    faked: tuple[Site, FakeDirectory], outcome: Exception
) -> None:
    """A user who is gone is no service account, and a directory that is away does not stop the report."""
    site, directory = faked
    site.token(site.register("p"))
    directory.outcome = outcome  # type: ignore[assignment]
    assert kind(site) is None


def test_directory_is_not_asked_for_many_users_or_without_the_setting(
    make_site: Callable[..., Site], faked: tuple[Site, FakeDirectory]
) -> None:
    """A report on 300 clients makes few searches: five users a client, none twice, and none without need."""
    site, directory = faked
    clients = [site.register(f"p{number}") for number in range(3)]
    for client in clients:
        site.token(client)
    site.run("password-grant", "report", "--json")
    assert directory.sought == [ALICE.id]
    other = FakeDirectory()
    plain = make_site(directory=other)
    plain.token(plain.register("p"))
    assert kind(plain) is None
    assert other.sought == []
