"""`flask client …`: registering, listing, showing, changing, disabling and deleting."""

import json

import pytest

from tests.cli.conftest import Run
from tests.conftest import Site

ALL_OPTIONS = (
    "--grant",
    "password refresh_token",
    "--scope",
    "profile",
    "--scope",
    "email echo",
    "--default-scope",
    "profile",
    "--redirect-uri",
    "https://a.example/cb",
    "--redirect-uri",
    "app:/cb",
    "--auth-method",
    "client_secret_post",
    "--owner",
    "library@campus.example",
    "--resource-server",
)


def test_create_prints_one_object(as_json: Run, site: Site) -> None:
    """A created client is one object: id, secret, and the metadata under the names of RFC 7591."""
    made = as_json("client", "create", "Library", *ALL_OPTIONS)
    secret = made.pop("client_secret")
    assert len(secret) > 40
    assert made == {
        "client_id": made["client_id"],
        "client_name": "Library",
        "client_id_issued_at": site.clock(),
        "client_secret_expires_at": 0,
        "grant_types": ["password", "refresh_token"],
        "scope": "profile email echo",
        "redirect_uris": ["https://a.example/cb", "app:/cb"],
        "token_endpoint_auth_method": "client_secret_post",
        "default_scope": "profile",
        "owner": "library@campus.example",
        "resource_server": True,
        "disabled_at": None,
        "flags": {},
        "access_token_format": "opaque",
        "audiences": [],
        "released_claims": None,
        "restrictions": {},
        "secrets": made["secrets"],
    }
    assert made["secrets"] == [
        {"serial": 1, "created_at": site.clock(), "not_after": None, "last_used_at": None, "weak": False}
    ]


def test_create_prints_json_on_one_line(site: Site) -> None:
    """A program that reads lines gets the object in one, and nothing else with it."""
    result = site.app.test_cli_runner().invoke(args=["client", "create", "Library", "--json"])
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


def test_create_reads_as_lines(site: Site) -> None:
    """A person reads a name and a value in each line, and is told to keep the secret."""
    result = site.app.test_cli_runner().invoke(args=["client", "create", "Library", *ALL_OPTIONS])
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["client_secret"].startswith("nids_")
    assert lines["client_name"] == "Library"
    assert lines["grant_types"] == "password, refresh_token"
    assert lines["scope"] == "profile email echo"
    assert lines["redirect_uris"] == "https://a.example/cb, app:/cb"
    assert lines["state"] == "enabled"
    assert "cannot be shown again" in result.stderr


def test_password_grant_is_off_unless_given(as_json: Run, site: Site) -> None:
    """A client that was given no grant may use none."""
    made = as_json("client", "create", "Library")
    assert made["grant_types"] == []
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    answer = site.http.post("/oauth/token", data=form, auth=(made["client_id"], made["client_secret"]))
    assert (answer.status_code, answer.get_json()["error"]) == (400, "unauthorized_client")


def test_public_client_has_a_null_secret(as_json: Run) -> None:
    """A public client is created with `client_secret` null, and told to keep nothing."""
    made = as_json("client", "create", "an app", "--auth-method", "none")
    assert made["client_secret"] is None
    assert made["secrets"] == []


def test_public_client_is_told_of_no_secret(site: Site) -> None:
    """A person who creates a public client reads nothing about a secret."""
    result = site.app.test_cli_runner().invoke(args=["client", "create", "an app", "--auth-method", "none"])
    assert "client_secret " not in result.output
    assert result.stderr == ""


def test_public_password_client_by_name(as_json: Run, site: Site) -> None:
    """A public client may use the password grant where that was said by name."""
    options = ("--auth-method", "none", "--grant", "password", "--allow-public-password")
    made = as_json("client", "create", "an app", *options)
    assert made["flags"] == {"allow_public_password": True}
    answer = site.ask_token(None, client_id=made["client_id"])
    assert answer.status_code == 200


def test_flags_are_switched_one_by_one(as_json: Run) -> None:
    """Each switch changes its own flag, and an update that names none leaves them."""
    made = as_json("client", "create", "Library", "--keep-refresh-token", "--no-allow-public-password")
    assert made["flags"] == {"keep_refresh_token": True, "allow_public_password": False}
    assert as_json("client", "update", "Library", "--owner", "me")["flags"] == made["flags"]
    after = as_json("client", "update", "Library", "--rotate-refresh-token")
    assert after["flags"] == {"keep_refresh_token": False, "allow_public_password": False}


def test_repeated_values_count_once(as_json: Run) -> None:
    """A grant or a scope that is named twice is registered once."""
    made = as_json("client", "create", "a", "--grant", "password password", "--scope", "a b", "--scope", "a")
    assert (made["grant_types"], made["scope"]) == (["password"], "a b")


def test_secret_is_shown_once(site: Site) -> None:
    """Neither list, show nor update prints the secret or its digest again."""
    client = site.register("Library")
    printed = "".join(
        site.run("client", *arguments, *form)
        for arguments in (("list",), ("show", "Library"), ("update", "Library", "--owner", "me"))
        for form in ((), ("--json",))
    )
    assert client.client_id in printed
    assert "nids_" not in printed
    assert 'client_secret"' not in printed
    assert "digest" not in printed


def test_list_is_a_table(site: Site) -> None:
    """A list has a headline and a line for each client, however long its scope is."""
    scope = " ".join(f"scope-number-{number}" for number in range(60))
    first = site.register("alpha", "--scope", scope, "--owner", "library")
    second = site.register("beta")
    site.run("client", "disable", "beta")
    headline, *lines = site.run("client", "list").splitlines()
    assert headline.split() == ["CLIENT", "ID", "NAME", "GRANTS", "SCOPE", "OWNER", "STATE"]
    assert [line.split()[:2] for line in lines] == [[first.client_id, "alpha"], [second.client_id, "beta"]]
    assert f" {scope} " in lines[0]
    assert lines[0].endswith("enabled")
    assert "disabled 2027-01-15" in lines[1]


def test_list_as_json(as_json: Run, site: Site) -> None:
    """A list is an array of what show prints."""
    site.register("alpha")
    site.register("beta")
    assert as_json("client", "list") == [as_json("client", "show", name) for name in ("alpha", "beta")]


def test_list_of_nothing(as_json: Run) -> None:
    """Without clients the list is empty, and no error."""
    assert as_json("client", "list") == []


def test_show_finds_by_id_and_by_name(as_json: Run, site: Site) -> None:
    """A client is found by its id and by its name."""
    client = site.register("Library")
    assert as_json("client", "show", "Library") == as_json("client", "show", client.client_id)


def test_show_tells_of_each_secret(site: Site) -> None:
    """A person reads when each secret was made, was last used, and ends."""
    client = site.register("Library")
    site.token(client)
    site.run("client", "rotate-secret", "Library", "--expires", "1h")
    shown = site.run("client", "show", "Library").splitlines()[-2:]
    assert shown == [
        "secret 1: made 2027-01-15 08:00:00Z, last used 2027-01-15 08:00:00Z, ends 2027-01-15 09:00:00Z",
        "secret 2: made 2027-01-15 08:00:00Z, last used never",
    ]


def test_update_changes_what_is_named(as_json: Run, site: Site) -> None:
    """An update replaces what is named and leaves the rest."""
    before = json.loads(site.run("client", "create", "Library", *ALL_OPTIONS, "--json"))
    after = as_json("client", "update", "Library", "--scope", "profile", "--name", "Union")
    assert (after["scope"], after["client_name"]) == ("profile", "Union")
    unchanged = set(after) - {"scope", "client_name"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}


def test_update_of_nothing_changes_nothing(as_json: Run, site: Site) -> None:
    """An update that names nothing prints the client as it is."""
    site.register("Library")
    assert as_json("client", "update", "Library") == as_json("client", "show", "Library")


@pytest.mark.parametrize(
    ("option", "field", "empty"),
    [
        ("--grant", "grant_types", []),
        ("--scope", "scope", ""),
        ("--default-scope", "default_scope", None),
        ("--redirect-uri", "redirect_uris", []),
        ("--owner", "owner", None),
    ],
)
def test_empty_value_clears(as_json: Run, option: str, field: str, empty: object) -> None:
    """An option with an empty value clears what was registered."""
    as_json("client", "create", "Library", *ALL_OPTIONS)
    more = ("--default-scope", "") if option == "--scope" else ()
    assert as_json("client", "update", "Library", option, "", *more)[field] == empty


def test_update_counts_at_once(site: Site) -> None:
    """A client whose password grant was taken away is refused from then on."""
    client = site.register("Library")
    assert site.ask_token(client).status_code == 200
    site.run("client", "update", "Library", "--grant", "refresh_token")
    assert site.ask_token(client).get_json()["error"] == "unauthorized_client"


def test_disable_ends_tokens_and_refuses(as_json: Run, site: Site) -> None:
    """A disabled client gets no token, and those that it holds are dead."""
    client = site.register("Library", "--scope", "profile")
    token = site.token(client)
    assert site.get("/api/me", token).status_code == 200
    assert as_json("client", "disable", "Library")["disabled_at"] == site.clock()
    assert site.get("/api/me", token).status_code == 401
    refused = site.ask_token(client)
    assert (refused.status_code, refused.get_json()["error"]) == (401, "invalid_client")


def test_disabled_client_is_enabled_again(as_json: Run, site: Site) -> None:
    """A client that is enabled again gets new tokens; the old ones stay dead."""
    client = site.register("Library", "--scope", "profile")
    old = site.token(client)
    site.run("client", "disable", "Library")
    assert as_json("client", "update", "Library", "--enable")["disabled_at"] is None
    assert site.get("/api/me", site.token(client)).status_code == 200
    assert site.get("/api/me", old).status_code == 401


def test_delete_ends_tokens_and_forgets(as_json: Run, site: Site) -> None:
    """A deleted client is unknown, and its tokens are dead."""
    client = site.register("Library", "--scope", "profile")
    token = site.token(client)
    assert as_json("client", "delete", "Library", "--yes") == {
        "client_id": client.client_id,
        "deleted": True,
    }
    assert as_json("client", "list") == []
    assert site.get("/api/me", token).status_code == 401
    assert site.ask_token(client).status_code == 401


def test_delete_asks_first(site: Site) -> None:
    """Without `--yes` a person is asked, and no answer means no."""
    client = site.register("Library")
    asked = site.run("client", "delete", "Library", stdin="n\n", status=1)
    assert f"Delete Library ({client.client_id})?" in asked
    assert client.client_id in site.run("client", "list")
    assert site.run("client", "delete", "Library", stdin="y\n").strip() == (
        f"Deleted Library ({client.client_id})."
    )


@pytest.mark.parametrize("command", ["show", "update", "disable"])
def test_commands_print_the_client_for_people(site: Site, command: str) -> None:
    """Each command that leaves a client prints it as lines for people."""
    client = site.register("Library")
    printed = site.run("client", command, "Library")
    assert printed.splitlines()[0].split() == ["client_id", client.client_id]
    assert "secret 1: made" in printed
