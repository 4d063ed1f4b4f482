"""Scope rules: names that a person may not have are dropped, and the answer has the rest (RFC 6749, 3.3)."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from directory import Person
from models import Scope, StoreUnavailable
from oauth.policy.scope import ScopeRegistry, ScopeRules
from tests.conftest import Clock, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows
from tests.oauth.answers import INVALID_GRANT, INVALID_SCOPE, OK, UNAVAILABLE, status_and_error

STAFF = "cn=staff,ou=groups,dc=campus,dc=example"
PAID = replace(ALICE, groups=(STAFF,), affiliations=("staff",))


class Counted:
    """Registered scopes that count how often they are read, and can be away."""

    def __init__(self, *scopes: Scope) -> None:
        self.scopes: Sequence[Scope] = scopes
        self.read = 0
        self.away = False

    def __call__(self) -> Sequence[Scope]:
        """The scopes."""
        self.read += 1
        if self.away:
            raise StoreUnavailable("gone fishing")
        return self.scopes


class GroupsAsked(FakeDirectory):
    """Returns groups only on request, like a directory, and records the requests."""

    def __init__(self) -> None:
        super().__init__(PAID)
        self.wanted: list[bool] = []

    def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
        """The person, with groups or without."""
        self.wanted.append(groups)
        person = super().verify(net_id, password)
        return person if groups else replace(person, groups=())

    def read(self, person_id: str, *, groups: bool = False) -> Person:
        """The person, with groups or without."""
        self.wanted.append(groups)
        person = super().read(person_id)
        return person if groups else replace(person, groups=())


@pytest.fixture
def fake() -> GroupsAsked:
    """A directory that accepts Alice, who is staff."""
    return GroupsAsked()


@pytest.fixture
def office(faked: Site) -> Registered:
    """A client that may refresh, with `profile` and with `payroll`, which needs the group staff."""
    faked.run("scope", "create", "payroll", "--needs", f"group:{STAFF}")
    return faked.register("Pay office", "--grant", "refresh_token", "--scope", "payroll profile")


def stored_claims(site: Site) -> set[str]:
    """The names of the claims that the one grant holds."""
    return set(json.loads(str(rows(site, "grant")[0]["claims"])))


def leave(fake: FakeDirectory) -> None:
    """Alice leaves the group and the affiliation."""
    fake.outcome = replace(PAID, groups=(), affiliations=())


@pytest.mark.parametrize(
    ("needs", "granted"),
    [
        ((), True),
        ((f"group:{STAFF}",), True),
        ((f"group:{STAFF.upper().replace(',', ', ')}",), True),
        (("affiliation:Staff",), True),
        (("affiliation:student", f"group:{STAFF}"), True),
        (("affiliation:student",), False),
        (("group:cn=staff",), False),
        (("group:staff",), False),
        ((f"affiliation:{STAFF}",), False),
    ],
)
def test_one_rule_is_enough(needs: tuple[str, ...], granted: bool) -> None:  # noqa: FBT001
    """A person who meets one rule of a scope has it. A scope without rules is for everybody."""
    rules = ScopeRules([Scope("payroll", "", needs)])
    assert rules.permitted(PAID, "a payroll b") == ("a payroll b" if granted else "a b")


def test_person_in_the_group_has_the_scope(faked: Site, office: Registered) -> None:
    """A person who meets a rule gets the requested scope."""
    answer = faked.ask_token(office, scope="profile payroll")
    assert (status_and_error(answer), answer.get_json()["scope"]) == (OK, "profile payroll")


def test_person_outside_the_group_gets_the_rest(faked: Site, fake: FakeDirectory, office: Registered) -> None:
    """A person who meets no rule gets the rest of the scope, in the answer and in every row (3.3)."""
    leave(fake)
    answer = faked.ask_token(office)
    assert (status_and_error(answer), answer.get_json()["scope"]) == (OK, "profile")
    assert rows(faked, "grant")[0]["scope"] == rows(faked, "access_token")[0]["scope"] == "profile"
    issued = [row for row in rows(faked, "audit_event") if row["event"] == "token.issued"]
    assert [row["scope"] for row in issued] == ["profile"]


def test_nothing_left_is_invalid_scope(faked: Site, fake: FakeDirectory, office: Registered) -> None:
    """If no scope is left, no token is issued and the log names the person (5.2)."""
    leave(fake)
    assert status_and_error(faked.ask_token(office, scope="payroll")) == INVALID_SCOPE
    assert rows(faked, "grant") == []
    line = next(line for line in faked.log_lines() if line["event"] == "grant.refused")
    assert (line["reason"], line["subject"], line["scope"]) == ("scope", ALICE.id, "payroll")


def test_rules_reveal_nothing_without_the_password(site: Site) -> None:
    """A caller without the password does not learn whether a person may have a scope."""
    site.run("scope", "create", "payroll", "--needs", f"group:{STAFF}")
    client = site.register("Pay office", "--scope", "payroll")
    answers = [site.ask_token(client, username=name, password="wrong") for name in ("alice", "bob", "nobody")]
    assert {status_and_error(answer) for answer in answers} == {INVALID_GRANT}
    assert len({answer.data for answer in answers}) == 1
    assert status_and_error(site.ask_token(client, username="bob", password="bob-password")) == INVALID_SCOPE
    assert status_and_error(site.ask_token(client)) == OK


def test_claims_of_a_refused_scope_are_not_stored(faked: Site, fake: FakeDirectory) -> None:
    """The claims of a scope that a person may not have are not stored."""
    faked.run("scope", "create", "email", "--needs", "affiliation:student")
    client = faked.register("Mail", "--scope", "email profile")
    faked.ask_token(client)
    assert stored_claims(faked) == {"net_id", "name"}


@pytest.mark.parametrize(
    ("rule", "scope", "wanted"),
    [
        (f"group:{STAFF}", "payroll profile", True),
        (f"group:{STAFF}", "profile", False),
        ("affiliation:staff", "payroll", False),
        ("affiliation:staff", "groups", True),
    ],
)
def test_groups_are_searched_only_for_a_rule(
    faked: Site,
    fake: GroupsAsked,
    rule: str,
    scope: str,
    wanted: bool,  # noqa: FBT001
) -> None:
    """Groups are searched only if a requested scope needs them, or is `groups`."""
    faked.run("scope", "create", "payroll", "--needs", rule)
    options = ("--grant", "refresh_token", "--scope", "payroll profile groups")
    client = faked.register("Pay office", *options)
    tokens = faked.ask_token(client, scope=scope).get_json()
    assert tokens["scope"] == scope
    assert status_and_error(faked.refresh(client, tokens["refresh_token"])) == OK
    assert fake.wanted == [wanted, wanted]


def test_person_who_left_the_group_loses_the_scope_at_a_refresh(
    faked: Site, fake: FakeDirectory, office: Registered
) -> None:
    """A refresh gives less to a person who left the group, and everything again once they are back."""
    tokens = faked.ask_token(office).get_json()
    assert tokens["scope"] == "payroll profile"
    leave(fake)
    narrowed = faked.refresh(office, tokens["refresh_token"]).get_json()
    assert narrowed["scope"] == "profile"
    assert [row["scope"] for row in rows(faked, "grant")] == ["payroll profile"]
    fake.outcome = PAID
    assert faked.refresh(office, narrowed["refresh_token"]).get_json()["scope"] == "payroll profile"


def test_refresh_with_no_scope_left_is_invalid_scope(
    faked: Site, fake: FakeDirectory, office: Registered
) -> None:
    """If no scope is left, the refresh is refused, and the token stays valid for later."""
    tokens = faked.ask_token(office, scope="payroll").get_json()
    leave(fake)
    assert status_and_error(faked.refresh(office, tokens["refresh_token"])) == INVALID_SCOPE
    fake.outcome = PAID
    assert status_and_error(faked.refresh(office, tokens["refresh_token"])) == OK


def test_claims_are_lost_with_the_scope(faked: Site, fake: FakeDirectory) -> None:
    """After a refresh the grant holds no claim of a scope that its person lost."""
    faked.run("scope", "create", "email", "--needs", "affiliation:staff")
    client = faked.register("Mail", "--grant", "refresh_token", "--scope", "email profile")
    tokens = faked.ask_token(client).get_json()
    assert stored_claims(faked) == {"mail", "net_id", "name"}
    leave(fake)
    assert faked.refresh(client, tokens["refresh_token"]).get_json()["scope"] == "profile"
    assert stored_claims(faked) == {"net_id", "name"}


def test_answer_names_the_scope_that_a_tolerant_client_has(faked: Site, fake: FakeDirectory) -> None:
    """A tolerant client's unknown scopes are dropped, at a login and a refresh; other clients are refused."""
    options = ("--grant", "refresh_token", "--scope", "profile email")
    strict = faked.register("strict", *options)
    assert status_and_error(faked.ask_token(strict, scope="profile device_7")) == INVALID_SCOPE
    assert fake.asked == []
    tolerant = faked.register("tolerant", *options, "--tolerant-scope")
    tokens = faked.ask_token(tolerant, scope="profile device_7").get_json()
    assert tokens["scope"] == "profile"
    answer = faked.refresh(tolerant, tokens["refresh_token"], scope="device_7 profile")
    assert (status_and_error(answer), answer.get_json()["scope"]) == (OK, "profile")
    answer = faked.refresh(tolerant, answer.get_json()["refresh_token"], scope="device_7")
    assert (status_and_error(answer), answer.get_json()["scope"]) == (OK, "profile")


def test_default_scope_of_the_server_is_granted(make_site: Callable[..., Site], fake: FakeDirectory) -> None:
    """A request without a scope gets the part of the server's default that the client may have (3.3)."""
    site = make_site(fake, NETID_DEFAULT_SCOPE="email echo")
    client = site.register("a program", "--scope", "profile email")
    assert site.ask_token(client).get_json()["scope"] == "email"


def test_rules_do_not_apply_to_a_clients_own_token(faked: Site) -> None:
    """Rules are about people: a client's own token has the scope of its registration (4.4)."""
    faked.run("scope", "create", "payroll", "--needs", "affiliation:staff")
    client = faked.register("Pay run", "--scope", "payroll", grant="client_credentials")
    answer = faked.post("/oauth/token", client, grant_type="client_credentials")
    assert (status_and_error(answer), answer.get_json()["scope"]) == (OK, "payroll")


def test_metadata_names_the_registered_scopes(faked: Site, office: Registered) -> None:
    """`scopes_supported` has the built-in and the registered scopes, each once (RFC 8414, 2)."""
    faked.run("scope", "create", "groups", "--needs", "affiliation:staff")
    supported = faked.http.get("/.well-known/oauth-authorization-server").get_json()["scopes_supported"]
    assert supported == [
        "openid",
        "profile",
        "email",
        "address",
        "phone",
        "groups",
        "eduperson",
        "offline_access",
        "echo",
        "payroll",
    ]


def test_change_takes_effect_within_five_seconds(faked: Site, office: Registered) -> None:
    """A running server applies a rule that a command changed."""
    assert faked.ask_token(office).get_json()["scope"] == "payroll profile"
    faked.run("scope", "update", "payroll", "--needs", "affiliation:student")
    faked.clock.now += 5
    assert faked.ask_token(office).get_json()["scope"] == "profile"


def test_scopes_are_cached(clock: Clock) -> None:
    """Many requests cost one read in five seconds; a clock that went back expires the cache."""
    read = Counted(Scope("payroll"))
    registry = ScopeRegistry(read, clock)
    assert [registry.rules().names for _ in range(9)] == [("payroll",)] * 9
    clock.now += 4.9
    registry.rules()
    assert read.read == 1
    clock.now += 0.1
    registry.rules()
    assert read.read == 2
    clock.now -= 60
    registry.rules()
    assert read.read == 3


def test_database_away_leaves_the_last_rules(clock: Clock) -> None:
    """Rules that were read apply while the database is away; without them the answer is 503."""
    read = Counted(Scope("payroll", "", ("affiliation:student",)))
    read.away = True
    registry = ScopeRegistry(read, clock)
    with pytest.raises(StoreUnavailable):
        registry.rules()
    read.away = False
    assert registry.rules().permitted(PAID, "payroll") == ""
    read.away = True
    clock.now += 60
    assert registry.rules().permitted(PAID, "payroll") == ""


def test_unreadable_rules_are_503_before_the_directory(
    faked: Site, fake: FakeDirectory, office: Registered, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that never read the rules issues no token, and tries no password."""

    def away(_: object) -> None:
        raise StoreUnavailable("gone fishing")

    monkeypatch.setattr(ScopeRegistry, "rules", away)
    assert status_and_error(faked.ask_token(office)) == UNAVAILABLE
    assert fake.asked == []
    assert faked.http.get("/.well-known/oauth-authorization-server").status_code == 200
