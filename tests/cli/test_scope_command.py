"""`flask scope …`: the catalogue, and why a person may or may not have a scope."""

from collections.abc import Callable

import pytest

from directory import DirectoryUnavailable
from tests.cli.conftest import Run
from tests.conftest import Site
from tests.fakes import FakeDirectory

STAFF = "group:cn=staff,ou=groups,dc=campus,dc=example"
FACULTY = "affiliation:faculty"
PAYROLL = ("--description", "Pay slips", "--needs", STAFF, "--needs", FACULTY)
OWN = ["openid", "profile", "email", "address", "phone", "groups", "eduperson", "offline_access", "echo"]


def test_list_shows_built_in_scopes_and_the_catalogue(as_json: Run) -> None:
    """The list has the server's own scopes and those that operators described."""
    made = as_json("scope", "create", "payroll", *PAYROLL)
    listed = as_json("scope", "list")
    assert [each["scope"] for each in listed] == [*OWN, "payroll"]
    assert all(each["description"] and each["built_in"] for each in listed[:-1])
    assert listed[-1] == made
    assert made == {
        "scope": "payroll",
        "description": "Pay slips",
        "needs": [STAFF, FACULTY],
        "built_in": False,
    }


def test_list_is_a_table(site: Site) -> None:
    """The table has one line for each scope, with its rules."""
    site.run("scope", "create", "payroll", *PAYROLL)
    line = next(line for line in site.run("scope", "list").splitlines() if line.startswith("payroll"))
    assert "Pay slips" in line
    assert f"{STAFF}; {FACULTY}" in line


def test_built_in_scope_gets_rules(as_json: Run) -> None:
    """A built-in scope keeps its description if only rules are added to it."""
    as_json("scope", "create", "groups", "--needs", FACULTY)
    found = next(each for each in as_json("scope", "list") if each["scope"] == "groups")
    assert (found["needs"], found["built_in"]) == ([FACULTY], True)
    assert found["description"] == "The groups that the person is in"


def test_update_changes_only_what_its_options_name(as_json: Run) -> None:
    """Unnamed members stay; new rules replace the old ones, and an empty rule ends them."""
    as_json("scope", "create", "payroll", *PAYROLL)
    assert as_json("scope", "update", "payroll", "--description", "Pay")["needs"] == [STAFF, FACULTY]
    changed = as_json("scope", "update", "payroll", "--needs", FACULTY)
    assert (changed["description"], changed["needs"]) == ("Pay", [FACULTY])
    assert as_json("scope", "update", "payroll", "--needs", "")["needs"] == []


def test_delete_names_clients_that_lose_a_rule(site: Site) -> None:
    """Without its rules a scope is open to every user of the clients that have it; they are named."""
    site.run("scope", "create", "payroll", *PAYROLL)
    site.register("Pay office", "--scope", "payroll")
    result = site.app.test_cli_runner().invoke(args=["scope", "delete", "payroll"])
    assert result.exit_code == 0
    assert result.stderr == "No rule limits it any more. Registered for it: Pay office.\n"
    assert "payroll" not in site.run("scope", "list")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("create", 'pay"roll'), "The name must be 1 to 255 characters"),
        (("create", "pay roll"), "The name must be 1 to 255 characters"),
        (("create", ""), "The name must be 1 to 255 characters"),
        (("create", "x" * 256), "The name must be 1 to 255 characters"),
        (("create", "default", "--needs", FACULTY), "it can have no rules"),
        (("create", "payroll", "--needs", "cn=staff"), "The rule 'cn=staff' must be group:DN"),
        (("create", "payroll", "--needs", "group:"), "The rule 'group:' must be group:DN"),
        (("create", "payroll", "--description", "\x1b[31mred"), "The description must be printable"),
        (("create", "grades"), "The scope 'grades' is in the catalogue already"),
        (("update", "payroll"), "The catalogue has no scope 'payroll'"),
        (("update", "profile", "--needs", FACULTY), "The catalogue has no scope 'profile'"),
        (("delete", "payroll"), "The catalogue has no scope 'payroll'"),
    ],
)
def test_invalid_scope_is_refused(
    site: Site, refusal: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    """The refusal names the mistake, and nothing is changed."""
    site.run("scope", "create", "grades")
    assert sentence in refusal("scope", *arguments)
    assert len(site.run("scope", "list").splitlines()) == len(OWN) + 2


@pytest.mark.parametrize(
    ("net_id", "rule"), [("alice", STAFF), (" CAROL", FACULTY), ("bob", None), ("sam", None)]
)
def test_explain_names_the_deciding_rule(site: Site, as_json: Run, net_id: str, rule: str | None) -> None:
    """Each scope of the client is granted or refused with the deciding rule; no password is needed."""
    site.run("scope", "create", "payroll", *PAYROLL)
    client = site.register("Pay office", "--scope", "payroll profile")
    said = as_json("scope", "explain", "Pay office", net_id)
    assert (said["client_id"], said["net_id"]) == (client.client_id, net_id.strip().lower())
    assert said["items"] == [
        {"scope": "payroll", "granted": rule is not None, "rule": rule, "needs": [STAFF, FACULTY]},
        {"scope": "profile", "granted": True, "rule": None, "needs": []},
    ]


def test_explain_is_a_table(site: Site) -> None:
    """The table says which scopes are refused, and which rule would have granted them."""
    site.run("scope", "create", "payroll", *PAYROLL)
    site.register("Pay office", "--scope", "payroll profile")
    lines = site.run("scope", "explain", "Pay office", "bob").splitlines()
    assert lines[1].split(maxsplit=2) == ["payroll", "refused", f"matches none of {STAFF}; {FACULTY}"]
    assert lines[2].split(maxsplit=2) == ["profile", "granted", "the scope has no rule"]


def test_explain_of_an_unknown_person(site: Site, refusal: Run) -> None:
    """The refusal says that the directory does not know the name."""
    site.register("Pay office")
    assert refusal("scope", "explain", "Pay office", "nobody") == (
        "The directory does not know 'nobody': unknown_person."
    )


def test_explain_without_the_directory(make_site: Callable[..., Site]) -> None:
    """If the directory does not answer, one sentence says so with the cause."""
    site = make_site(FakeDirectory(DirectoryUnavailable("gone fishing")))
    site.register("Pay office")
    assert "The directory cannot say (gone fishing)" in site.run(
        "scope", "explain", "Pay office", "alice", status=1
    )


def test_undescribed_scope_of_a_client_is_a_warning(site: Site) -> None:
    """A misspelt scope is a warning at registration, and does not stop it."""
    site.run("scope", "create", "payroll")
    arguments = [
        "client",
        "create",
        "Pay office",
        "--scope",
        "payrol payroll echo",
        "--owner",
        "me",
        "--json",
    ]
    arguments += ["--grant", "password"]
    result = site.app.test_cli_runner().invoke(args=arguments)
    assert result.exit_code == 0
    assert result.stderr == "Not in the catalogue of scopes: payrol. `flask scope create` adds a scope.\n"
    changed = site.app.test_cli_runner().invoke(args=["client", "update", "Pay office", "--scope", "profil"])
    assert "Not in the catalogue of scopes: profil." in changed.stderr
    assert "into" not in site.app.test_cli_runner().invoke(args=["client", "show", "Pay office"]).stderr
