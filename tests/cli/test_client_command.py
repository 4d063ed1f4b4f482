"""`flask client …`: registering, listing, showing, changing, disabling and deleting."""

import json

import pytest

from models import StoreUnavailable
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
        "post_logout_redirect_uris": [],
        "backchannel_logout_uri": None,
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
        "password_grant": {
            "announced_at": None,
            "ends_at": None,
            "brown_outs": [],
            "closed_to_new_people_at": None,
            "app_passwords": "allowed",
            "off_at": None,
        },
        "secrets": made["secrets"],
    }
    assert made["secrets"] == [
        {"serial": 1, "created_at": site.clock(), "not_after": None, "last_used_at": None, "weak": False}
    ]


def test_create_prints_json_on_one_line(site: Site) -> None:
    """The object is printed on one line, and nothing else is printed."""
    command = ["client", "create", "Library", "--grant", "password", "--owner", "me", "--json"]
    result = site.app.test_cli_runner().invoke(args=command)
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr == ""


def test_create_prints_a_line_for_each_member(site: Site) -> None:
    """For people each line has a name and a value, and the operator is reminded to keep the secret."""
    result = site.app.test_cli_runner().invoke(args=["client", "create", "Library", *ALL_OPTIONS])
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["client_secret"].startswith("nids_")
    assert lines["client_name"] == "Library"
    assert lines["grant_types"] == "password, refresh_token"
    assert lines["scope"] == "profile email echo"
    assert lines["redirect_uris"] == "https://a.example/cb, app:/cb"
    assert lines["state"] == "enabled"
    assert "cannot be shown again" in result.stderr


def test_client_without_a_grant_may_use_none(as_json: Run, site: Site) -> None:
    """A client that was registered without a grant may use no grant."""
    made = as_json("client", "create", "Library")
    assert made["grant_types"] == []
    form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
    answer = site.http.post("/oauth/token", data=form, auth=(made["client_id"], made["client_secret"]))
    assert (answer.status_code, answer.get_json()["error"]) == (400, "unauthorized_client")


def test_public_client_has_a_null_secret(as_json: Run) -> None:
    """A public client is created with `client_secret` null."""
    made = as_json("client", "create", "an app", "--auth-method", "none")
    assert made["client_secret"] is None
    assert made["secrets"] == []


def test_output_for_a_public_client_names_no_secret(site: Site) -> None:
    """The output for a new public client says nothing about a secret."""
    options = ["--auth-method", "none", "--grant", "refresh_token", "--owner", "me"]
    result = site.app.test_cli_runner().invoke(args=["client", "create", "an app", *options])
    assert "client_secret " not in result.output
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("options", "is_idle", "is_without_owner"),
    [
        ((), True, True),
        (("--grant", "password"), False, True),
        (("--owner", "me"), True, False),
        (("--resource-server", "--owner", "me"), False, False),
    ],
)
def test_forgotten_options_are_warned_about(
    site: Site, options: tuple[str, ...], *, is_idle: bool, is_without_owner: bool
) -> None:
    """A new client that can do nothing, or that nobody owns, is a warning and no error."""
    result = site.app.test_cli_runner().invoke(args=["client", "create", "My app", *options])
    assert result.exit_code == 0
    assert ("This client can do nothing yet: it has no grant type (--grant)" in result.stderr) is is_idle
    assert ("This client has no owner (--owner)" in result.stderr) is is_without_owner


@pytest.mark.parametrize("grant", ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"])
@pytest.mark.parametrize(
    ("refresh", "scope", "is_warned"),
    [
        (("--grant", "refresh_token"), "openid profile", True),
        (("--grant", "refresh_token"), "openid offline_access", False),
        (("--grant", "refresh_token"), "profile", False),
        ((), "openid profile", False),
    ],
)
def test_scope_that_gives_no_refresh_token_is_warned_about(
    site: Site, grant: str, refresh: tuple[str, ...], scope: str, *, is_warned: bool
) -> None:
    """An OpenID sign-in gets a refresh token only with offline_access (OpenID Connect Core 1.0, 11)."""
    options = ("--grant", grant, *refresh, "--scope", scope, "--redirect-uri", "https://app.example/cb")
    result = site.app.test_cli_runner().invoke(args=["client", "create", "My app", *options])
    assert result.exit_code == 0, result.output
    assert ("its --scope lacks offline_access" in result.stderr) is is_warned


def test_group_that_is_no_dn_is_refused(site: Site) -> None:
    """A rule for a group that no directory can have is a mistake: it would let nobody in."""
    said = site.run("client", "create", "My app", "--allow-member", "group:staff", status=1)
    assert said.strip() == "Error: The rule 'group:staff' must be group:DN (RFC 4514) or affiliation:NAME."


def test_public_client_may_use_the_password_grant_with_its_flag(as_json: Run, site: Site) -> None:
    """A public client may use the password grant if the operator allowed that explicitly."""
    options = ("--auth-method", "none", "--grant", "password", "--allow-public-password")
    made = as_json("client", "create", "an app", *options)
    assert made["flags"] == {"allow_public_password": True}
    answer = site.ask_token(None, client_id=made["client_id"])
    assert answer.status_code == 200


def test_option_changes_only_its_own_flag(as_json: Run) -> None:
    """Each option changes its own flag, and an update without such an option changes no flag."""
    made = as_json("client", "create", "Library", "--keep-refresh-token", "--no-allow-public-password")
    assert made["flags"] == {"keep_refresh_token": True, "allow_public_password": False}
    assert as_json("client", "update", "Library", "--owner", "me")["flags"] == made["flags"]
    after = as_json("client", "update", "Library", "--rotate-refresh-token")
    assert after["flags"] == {"keep_refresh_token": False, "allow_public_password": False}


def test_repeated_value_is_registered_once(as_json: Run) -> None:
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


def test_secret_is_shown_even_if_the_policy_cannot_be_stored(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is registered by then, and nothing could show its secret again."""

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr("cli.clients.client.set_app_passwords", away)
    arguments = ["client", "create", "a", "--grant", "password", "--app-passwords", "only", "--json"]
    result = site.app.test_cli_runner().invoke(args=arguments)
    made = json.loads(result.stdout)
    assert made["client_secret"]
    assert result.exit_code == 1
    assert f"Type: flask client update {made['client_id']} --app-passwords only" in result.stderr


def test_list_is_a_table(site: Site) -> None:
    """A list has a header and one line for each client, however long its scope is."""
    scope = " ".join(f"scope-number-{number}" for number in range(60))
    first = site.register("alpha", "--scope", scope, "--owner", "library")
    second = site.register("beta")
    site.run("client", "disable", "--yes", "beta")
    headline, *lines = site.run("client", "list").splitlines()
    assert headline.split() == ["CLIENT", "ID", "NAME", "GRANTS", "SCOPE", "OWNER", "STATE"]
    assert [line.split()[:2] for line in lines] == [[first.client_id, "alpha"], [second.client_id, "beta"]]
    assert f" {scope} " in lines[0]
    assert lines[0].endswith("enabled")
    assert "disabled 2027-01-15" in lines[1]


def test_list_as_json_has_what_show_prints(as_json: Run, site: Site) -> None:
    """The JSON list is an array of the objects that `show` prints."""
    site.register("alpha")
    site.register("beta")
    assert as_json("client", "list") == [as_json("client", "show", name) for name in ("alpha", "beta")]


def test_list_without_clients_is_empty(as_json: Run) -> None:
    """Without clients the list is empty, and the command succeeds."""
    assert as_json("client", "list") == []


def test_show_finds_a_client_by_id_and_by_name(as_json: Run, site: Site) -> None:
    """A client is found by its id and by its name."""
    client = site.register("Library")
    assert as_json("client", "show", "Library") == as_json("client", "show", client.client_id)


def test_show_prints_the_times_of_each_secret(site: Site) -> None:
    """`show` prints when each secret was made, when it was last used, and when it ends."""
    client = site.register("Library")
    site.token(client)
    site.run("client", "rotate-secret", "Library", "--expires", "1h")
    shown = site.run("client", "show", "Library").splitlines()[-2:]
    assert shown == [
        "secret 1: made 2027-01-15 08:00:00Z, last used 2027-01-15 08:00:00Z, ends 2027-01-15 09:00:00Z",
        "secret 2: made 2027-01-15 08:00:00Z, last used never",
    ]


def test_update_changes_only_what_its_options_name(as_json: Run, site: Site) -> None:
    """An update replaces the named members and leaves the others."""
    before = json.loads(site.run("client", "create", "Library", *ALL_OPTIONS, "--json"))
    after = as_json("client", "update", "Library", "--scope", "profile", "--name", "Union")
    assert (after["scope"], after["client_name"]) == ("profile", "Union")
    unchanged = set(after) - {"scope", "client_name"}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}


def test_update_without_options_changes_nothing(as_json: Run, site: Site) -> None:
    """An update without options prints the client as it is."""
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
def test_empty_value_clears_the_member(as_json: Run, option: str, field: str, empty: object) -> None:
    """An option with an empty value clears what was registered."""
    as_json("client", "create", "Library", *ALL_OPTIONS)
    more = ("--default-scope", "") if option == "--scope" else ()
    assert as_json("client", "update", "Library", option, "", *more)[field] == empty


def test_update_takes_effect_at_once(site: Site) -> None:
    """A client that lost the password grant is refused from then on."""
    client = site.register("Library")
    assert site.ask_token(client).status_code == 200
    site.run("client", "update", "Library", "--grant", "refresh_token")
    assert site.ask_token(client).get_json()["error"] == "unauthorized_client"


def test_disabled_client_loses_its_tokens_and_gets_no_others(as_json: Run, site: Site) -> None:
    """A disabled client gets no token, and the tokens that it holds are dead."""
    client = site.register("Library", "--scope", "profile")
    token = site.token(client)
    assert site.get("/api/me", token).status_code == 200
    assert as_json("client", "disable", "--yes", "Library")["disabled_at"] == site.clock()
    assert site.get("/api/me", token).status_code == 401
    refused = site.ask_token(client)
    assert (refused.status_code, refused.get_json()["error"]) == (401, "invalid_client")


def test_enabled_client_gets_tokens_again(as_json: Run, site: Site) -> None:
    """A client that is enabled again gets new tokens; the old ones stay dead."""
    client = site.register("Library", "--scope", "profile")
    old = site.token(client)
    site.run("client", "disable", "--yes", "Library")
    assert as_json("client", "update", "Library", "--enable")["disabled_at"] is None
    assert site.get("/api/me", site.token(client)).status_code == 200
    assert site.get("/api/me", old).status_code == 401


def test_deleted_client_is_unknown_and_its_tokens_are_dead(as_json: Run, site: Site) -> None:
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


def test_disable_asks_before_it_ends_tokens(site: Site, on_terminal: None) -> None:
    """Without `--yes` the operator reads how many logins will end, and no answer means no."""
    client = site.register("Library", "--scope", "profile")
    site.token(client)
    asked = site.run("client", "disable", "Library", stdin="n\n", status=1)
    assert f"Disable Library ({client.client_id}), and end 1 live grant?" in asked
    site.token(client)
    site.run("client", "disable", "Library", stdin="y\n")
    assert site.ask_token(client).status_code == 401


@pytest.mark.parametrize("command", ["disable", "delete"])
def test_question_without_a_terminal_fails(site: Site, refusal: Run, command: str) -> None:
    """A script cannot answer a question: the command names `--yes` and changes nothing."""
    client = site.register("Library")
    said = refusal("client", command, "Library", stdin="y\n")
    assert said.endswith("Nobody can answer without a terminal: repeat the command with --yes.")
    assert site.ask_token(client).status_code == 200


def test_delete_asks_before_it_deletes(site: Site, on_terminal: None) -> None:
    """Without `--yes` the operator is asked, and no answer means no."""
    client = site.register("Library")
    asked = site.run("client", "delete", "Library", stdin="n\n", status=1)
    assert f"Delete Library ({client.client_id}), and end 0 live grants?" in asked
    assert client.client_id in site.run("client", "list")
    assert site.run("client", "delete", "Library", stdin="y\n").strip() == (
        f"Deleted Library ({client.client_id})."
    )


@pytest.mark.parametrize("command", [("show",), ("update",), ("disable", "--yes")], ids=" ".join)
def test_command_prints_the_client_for_people(site: Site, command: tuple[str, ...]) -> None:
    """Each command that changes a client prints it for people, one member a line."""
    client = site.register("Library")
    printed = site.run("client", *command, "Library")
    assert printed.splitlines()[0].split() == ["client_id", client.client_id]
    assert "secret 1: made" in printed
