"""`flask client import`: clients are imported with their ids and secrets, all of them or none."""

import hashlib
import json
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote_plus

import pytest

from admin.client_import import import_clients
from cli import services_of
from cli.output import progress_bar
from telemetry import Actor
from tests.conftest import NOON, Registered, Site

OLD: dict[str, Any] = {
    "client_id": "old program (1)",
    "client_secret": "p@ss+w%rd:ö",
    "client_name": "Old program",
    "grant_types": ["password"],
    "scope": "profile",
}


def imported(site: Site, *clients: Any, status: int = 0) -> str:
    """What the command prints for these clients."""
    return site.run("client", "import", "-", "--json", stdin=json.dumps(clients), status=status)


def test_imported_client_keeps_its_id_and_secret(site: Site) -> None:
    """A program whose secret holds unusual characters works unchanged (RFC 6749, 2.3.1)."""
    assert json.loads(imported(site, OLD))["items"] == [{"client_id": "old program (1)", "weak": True}]
    assert site.ask_token(Registered(OLD["client_id"], OLD["client_secret"])).status_code == 200
    assert site.ask_token(Registered(OLD["client_id"], "another")).status_code == 401


@pytest.mark.parametrize(
    "form",
    [
        lambda digest: digest.hex(),
        lambda digest: b64encode(digest).decode(),
        lambda digest: {"algorithm": "SHA-256", "hash": digest.hex()},
        lambda digest: json.dumps({"algorithm": "SHA-256", "hash": digest.hex()}),
    ],
    ids=["hex", "base64", "wso2", "wso2-text"],
)
def test_hashed_secret_is_imported(site: Site, form: Any) -> None:
    """If the old server kept only a SHA-256, the secret works, and the hash itself does not."""
    digest = hashlib.sha256(b"the old secret").digest()
    imported(site, {**OLD, "client_secret": None, "client_secret_hash": form(digest)})
    assert site.ask_token(Registered(OLD["client_id"], "the old secret")).status_code == 200
    assert site.ask_token(Registered(OLD["client_id"], digest.hex())).status_code == 401


def test_two_clients_may_share_an_imported_secret(site: Site) -> None:
    """Two clients may share an imported secret; it proves only the client that presents it."""
    imported(site, OLD, {**OLD, "client_id": "second", "grant_types": []})
    assert (
        site.ask_token(Registered("second", OLD["client_secret"])).get_json()["error"]
        == "unauthorized_client"
    )


@pytest.mark.parametrize(
    ("secret", "kind"),
    [
        ("pbkdf2_sha256$600000$salt$aGFzaA==", "pbkdf2_sha256"),
        ("bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuv", "bcrypt_sha256"),
        ("$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW", "bcrypt"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "argon2id"),
        ("$6$salt$aGFzaA", "SHA-512 crypt"),
        ("$pbkdf2-sha256$29000$c2FsdA$aGFzaA", "pbkdf2-sha256"),
        ("scrypt:32768:8:1$salt$68617368", "scrypt"),
        ("{SSHA}aGFzaGhhc2hoYXNoaGFzaA==", "SSHA"),
    ],
)
def test_stored_hash_is_not_taken_for_a_secret(site: Site, secret: str, kind: str) -> None:
    """Another server's hash in `client_secret` is refused: the program's own secret would never match it."""
    said = imported(site, {**OLD, "client_secret": secret}, status=1)
    assert f"old program (1): The client_secret is a hash ({kind}), which" in said
    assert secret not in said
    assert json.loads(site.run("client", "list", "--json"))["items"] == []


def test_whole_output_of_the_list_is_imported(site: Site, make_site: Callable[..., Site]) -> None:
    """What `client list --json` prints is imported as it is, where no client needs a secret."""
    options = ("--auth-method", "none", "--grant", "refresh_token", "--scope", "profile")
    made = json.loads(site.run("client", "create", "an app", *options, "--json"))
    new = make_site()
    new.run("client", "import", "-", stdin=site.run("client", "list", "--json"))
    (kept,) = json.loads(new.run("client", "list", "--json"))["items"]
    assert (kept["client_id"], kept["scope"]) == (made["client_id"], "profile")


def test_dry_run_finds_every_mistake_and_stores_nothing(site: Site) -> None:
    """`--dry-run` checks the list as an import does, and registers nothing."""
    checked = json.loads(site.run("client", "import", "-", "--dry-run", "--json", stdin=json.dumps([OLD])))
    assert checked == {
        "dry_run": True,
        "items": [{"client_id": OLD["client_id"], "weak": True}],
        "more": False,
    }
    assert json.loads(site.run("client", "list", "--json"))["items"] == []
    imported(site, OLD)
    said = site.run("client", "import", "-", "--dry-run", stdin=json.dumps([OLD]), status=1)
    assert f"Registered already: {OLD['client_id']}. Nothing was imported." in said


def test_many_mistakes_are_counted(site: Site) -> None:
    """The first mistakes of a long list are named, and the others are counted."""
    wrong = [{**OLD, "client_id": f"p{number}", "require_mfa": True} for number in range(30)]
    said = imported(site, *wrong, status=1)
    assert said.count("Not understood: 'require_mfa'") == 20
    assert "and 10 more mistakes" in said


def test_import_shows_its_progress(site: Site) -> None:
    """The use case reports how many of the clients are stored."""
    clients = [{**OLD, "client_id": f"p{number}"} for number in range(1200)]
    seen: list[tuple[int, int]] = []
    with site.app.app_context():
        import_clients(
            services_of(site.app),
            json.dumps(clients),
            actor=Actor("test"),
            progress=lambda done, total: seen.append((done, total)),
        )
    assert seen == [(500, 1200), (1000, 1200), (1200, 1200)]


@pytest.mark.parametrize("shows", [True, False])
def test_progress_bar_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, shows: bool
) -> None:
    """On a terminal a bar says how much is done; elsewhere standard error stays empty."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: shows, raising=False)
    with progress_bar("Importing clients") as progress:
        progress(5, 10)
        progress(10, 10)
    printed = capsys.readouterr().err
    assert ("100%" in printed) is shows
    assert bool(printed) is shows


def test_weak_secret_is_listed_with_a_date(site: Site) -> None:
    """A short secret is reported at once, and listed with the day by which to rotate it."""
    assert json.loads(imported(site, OLD))["items"][0]["weak"] is True
    assert "rotate by 2027-04-15" in site.run("client", "list")
    strong = {**OLD, "client_id": "strong", "client_secret": "8Jd0-qLw92_xmZkT4vNcR7aBhY5e"}
    assert json.loads(imported(site, strong))["items"][0]["weak"] is False


@pytest.mark.parametrize(
    ("client", "sentence"),
    [
        ({**OLD, "client_id": "a\nb"}, "The client_id must be 1 to 255 printable ASCII characters."),
        ({**OLD, "client_secret": None}, "Give either client_secret or client_secret_hash."),
        ({**OLD, "client_secret_hash": "00"}, "Give either client_secret or client_secret_hash."),
        ({**OLD, "client_secret": None, "client_secret_hash": "00"}, "must be a SHA-256"),
        ({**OLD, "scope": 'a"b'}, "The scope must be"),
        ({**OLD, "grant_types": ["implicit"]}, "does not offer the grant 'implicit'"),
        ({**OLD, "grant_types": 7}, "The grant_types must be a list of texts."),
        ({**OLD, "token_endpoint_auth_method": "none"}, "A public client has no secret."),
        ({**OLD, "client_name": {"en": "Old"}}, "The client_name must be text."),
        ({**OLD, "pairwise_subject": "true"}, "The pairwise_subject must be true or false."),
        ({**OLD, "resource_server": 1}, "The resource_server must be true or false."),
        ({**OLD, "flags": {"pairwise": True}}, "There is no flag pairwise; there are allow_public_password,"),
        ({**OLD, "flags": ["id_token"]}, "The flags must be an object."),
        ({**OLD, "restrictions": {"network": "192.0.2.0/24"}}, "There is no restriction 'network'"),
        ({**OLD, "client_secret_expires_at": "tomorrow"}, "must be seconds since the epoch, or 0."),
        ({**OLD, "client_secret_expires_at": 1 << 70}, "must be seconds since the epoch, or 0."),
        ({**OLD, "disabled_at": 7}, "A disabled client cannot be imported"),
        ({**OLD, "status": "suspended"}, "A disabled client cannot be imported"),
        ({**OLD, "status": ""}, "A disabled client cannot be imported"),
        ({**OLD, "status": 1}, "The status must be text."),
        ({**OLD, "active": False}, "A disabled client cannot be imported"),
        ({**OLD, "enabled": False}, "A disabled client cannot be imported"),
        ({**OLD, "enabled": 0}, "The enabled must be true or false."),
        ({**OLD, "disabled": True}, "A disabled client cannot be imported"),
        ({**OLD, "subject_type": "pair"}, "The subject_type must be public or pairwise."),
        ({**OLD, "subject_type": ["pairwise"]}, "The subject_type must be public or pairwise."),
        ({**OLD, "subject_type": "pairwise", "pairwise_subject": False}, "contradict each other"),
        ({**OLD, "subject_type": "public", "flags": {"pairwise_subject": True}}, "contradict each other"),
        ({**OLD, "allowed_ips": ["10.0.0.1-10.0.0.9"]}, "10.0.0.1-10.0.0.9"),
        ({**OLD, "allowed_ips": 7}, "The networks must be a list of texts."),
        ({**OLD, "allowed_ips": ["192.0.2.1"], "networks": ["192.0.2.2"]}, "contradict each other"),
        (
            {**OLD, "allowed_ips": ["192.0.2.1"], "restrictions": {"networks": ["192.0.2.2"]}},
            "contradict each other",
        ),
        ({**OLD, "networks": 0}, "The networks must be a list of texts."),
        ({**OLD, "id_token": True, "flags": {"id_token": False}}, "contradict each other"),
        ({**OLD, "owner": 0}, "The owner must be text."),
        ({**OLD, "scope": False}, "The scope must be a list of texts."),
        ({**OLD, "allowed_cidrs": ["192.0.2.0/24"]}, "Not understood: 'allowed_cidrs'."),
        ({**OLD, "require_mfa": False, "a\x1bb": 1}, r"Not understood: 'a\x1bb', 'require_mfa'."),
        ({**OLD, "secrets": [{"not_after": 1}, {"not_after": 2}]}, "The secrets end at different times"),
        ({**OLD, "secrets": "x"}, "The secrets must be a list of objects."),
        ({**OLD, "secrets": [{"not_after": True}]}, "The not_after of the secrets must be seconds"),
        ("not an object", "This is not a list of objects."),
    ],
)
def test_list_with_a_mistake_is_refused_whole(site: Site, client: Any, sentence: str) -> None:
    """A list with a mistake is refused whole, and the mistake is named with its client."""
    good = {**OLD, "client_id": "good"}
    printed = imported(site, good, client, status=1)
    assert sentence in printed
    assert "old-secret" not in printed
    assert json.loads(site.run("client", "list", "--json"))["items"] == []


def test_scope_may_be_a_list(site: Site) -> None:
    """The scopes of a client may stand in a list."""
    imported(site, {**OLD, "scope": ["profile", "email"]})
    assert json.loads(site.run("client", "list", "--json"))["items"][0]["scope"] == "profile email"


def test_flags_and_restrictions_are_imported(site: Site) -> None:
    """Flags and restrictions that another server of ours listed are imported."""
    narrow = {"flags": {"pairwise_subject": True}, "restrictions": {"networks": ["192.0.2.0/24"]}}
    imported(site, {**OLD, **narrow, "released_claims": []})
    (listed,) = json.loads(site.run("client", "list", "--json"))["items"]
    assert {name: listed[name] for name in narrow} == narrow
    assert listed["released_claims"] == []


@pytest.mark.parametrize(("expires_in", "status"), [(1, 200), (0, 401)])
def test_imported_secret_keeps_its_end(site: Site, expires_in: int, status: int) -> None:
    """A secret that expires is imported with its expiry (RFC 7591, 3.2.1)."""
    imported(site, {**OLD, "client_secret_expires_at": NOON + expires_in})
    assert site.ask_token(Registered(OLD["client_id"], OLD["client_secret"])).status_code == status


def test_every_mistake_is_reported_at_once(site: Site) -> None:
    """Each mistake of the list has its own sentence."""
    printed = imported(site, {**OLD, "client_secret": ""}, {**OLD, "client_id": ""}, OLD, OLD, status=1)
    assert "Give either" in printed
    assert "number 2" in printed
    assert "twice" in printed


def test_registered_client_is_not_replaced(site: Site) -> None:
    """If an id is taken, the list is refused, and the registered client stays as it is."""
    imported(site, OLD)
    printed = imported(site, {**OLD, "client_secret": "another"}, {**OLD, "client_id": "new"}, status=1)
    assert "Registered already: old program (1)" in printed
    assert site.ask_token(Registered(OLD["client_id"], OLD["client_secret"])).status_code == 200
    assert "new" not in site.run("client", "list")


def test_names_of_other_servers_are_understood(site: Site) -> None:
    """`subject_type`, `allowed_ips` and `status` keep the meaning that they have on other servers."""
    imported(
        site,
        {
            **OLD,
            "subject_type": "pairwise",
            "allowed_ips": ["192.0.2.7", "2001:db8::/32"],
            "status": "ACTIVE",
        },
        {**OLD, "client_id": "second", "subject_type": "public", "enabled": True, "disabled": False},
    )
    first, second = json.loads(site.run("client", "list", "--json"))["items"]
    assert first["restrictions"] == {"networks": ["192.0.2.7", "2001:db8::/32"]}
    assert (first["flags"], second["flags"]) == ({"pairwise_subject": True}, {"pairwise_subject": False})
    assert site.ask_token(Registered(OLD["client_id"], OLD["client_secret"])).status_code == 400
    assert site.ask_token(Registered("second", OLD["client_secret"])).status_code == 200


def test_descriptive_members_are_ignored(site: Site) -> None:
    """Members that describe the client to people, and null members, change nothing (RFC 7591, 2)."""
    people = {"client_uri": "https://x.example", "contacts": ["me"], "logo_uri": "y", "client_name#de": "Alt"}
    imported(site, {**OLD, **people, "response_types": ["code"], "jwks": None, "allowed_ips": None})
    (listed,) = json.loads(site.run("client", "list", "--json"))["items"]
    assert (listed["client_name"], listed["restrictions"]) == ("Old program", {})


def test_operator_may_ignore_a_member(site: Site) -> None:
    """The import leaves out a member that the operator names, and no other member."""
    odd = {**OLD, "require_mfa": True, "rate": 5}
    text = json.dumps([odd])
    assert "'rate'." in site.run("client", "import", "-", "--ignore", "require_mfa", stdin=text, status=1)
    site.run("client", "import", "-", "--ignore", "require_mfa", "--ignore", "rate", stdin=text)
    assert len(json.loads(site.run("client", "list", "--json"))["items"]) == 1


def test_repeated_member_is_refused(site: Site) -> None:
    """An object with two members of one name is refused (RFC 8259, 4)."""
    text = json.dumps([OLD])[:-2] + ', "scope": "email"}]'
    assert "twice" in site.run("client", "import", "-", stdin=text, status=1)


WIDE = (
    *("--grant", "password refresh_token client_credentials", "--scope", "profile email", "--owner", "me"),
    *("--default-scope", "email", "--redirect-uri", "https://a.example/cb", "--resource-server"),
    *("--auth-method", "client_secret_post", "--access-token-format", "ES256"),
    *("--audience", "https://grades.example", "--release", "mail name", "--network", "192.0.2.0/24"),
    *("--allow-member", "group:cn=a b,dc=x", "--refuse-member", "affiliation:guest", "--pairwise-subject"),
    *("--keep-refresh-token", "--url-encoding-hints", "--tolerant-scope", "--id-token", "--told-reasons"),
    *("--strict-auth-method", "--default-audience", "https://grades.example"),
)
PAGE = ("--auth-method", "none", "--allow-public-password", "--cors-origin", "https://page.example")


@pytest.mark.parametrize("options", [(), WIDE, PAGE], ids=["plain", "everything", "public"])
@pytest.mark.parametrize("command", ["list", "show", "create"])
def test_exported_client_is_imported_whole(
    make_site: Callable[..., Site], options: tuple[str, ...], command: str
) -> None:
    """Every member that another server of ours lists is imported, or the import is refused."""
    old, new = make_site(), make_site()
    made = json.loads(old.run("client", "create", "a program", *options, "--json"))
    listed = {
        "list": lambda: json.loads(old.run("client", "list", "--json"))["items"][0],
        "show": lambda: json.loads(old.run("client", "show", made["client_id"], "--json")),
        "create": lambda: made,
    }[command]()
    new.clock.now += 60
    imported(new, {**listed, "client_secret": made["client_secret"]})
    (kept,) = json.loads(new.run("client", "list", "--json"))["items"]
    (before,) = json.loads(old.run("client", "list", "--json"))["items"]
    times = {"client_id_issued_at", "secrets"}
    assert {name: kept[name] for name in kept.keys() - times} == {
        name: before[name] for name in before.keys() - times
    }
    assert len(kept["secrets"]) == len(before["secrets"])


@pytest.mark.parametrize("as_json", [True, False])
def test_client_id_with_a_colon_is_warned_of(site: Site, as_json: bool) -> None:  # noqa: FBT001
    """The warning names the ids of clients with a secret that Basic cannot carry raw (RFC 7617, 2)."""
    public = {"client_id": "an:app", "token_endpoint_auth_method": "none"}
    text = json.dumps([{**OLD, "client_id": "campus:grades"}, OLD, public])
    options = ["client", "import", "-", *(["--json"] if as_json else [])]
    result = site.app.test_cli_runner().invoke(args=options, input=text)
    assert result.exit_code == 0
    assert "Client ids with a colon: campus:grades. A program must form-encode such an id" in result.stderr
    encoded = Registered("campus%3Agrades", quote_plus(OLD["client_secret"]))
    assert site.ask_token(encoded).status_code == 200


def test_import_without_a_colon_warns_of_none(site: Site) -> None:
    """Other clients, and those that `client create` makes, get no such warning."""
    result = site.app.test_cli_runner().invoke(args=["client", "import", "-"], input=json.dumps([OLD]))
    assert (result.exit_code, "colon" in result.stderr) == (0, False)
    assert ":" not in site.register().client_id


def test_client_whose_password_grant_has_a_policy_is_imported_only_without_it(site: Site) -> None:
    """An import must not lose that the grant ends: the operator says so, and sets it again."""
    client = site.register("a program")
    site.run("password-grant", "set", client.client_id, "--app-passwords", "only")
    exported = json.loads(site.run("client", "show", client.client_id, "--json"))
    copy = {**exported, "client_id": "copy", "client_secret": client.secret, "secrets": None}
    said = imported(site, copy, status=1)
    assert "Its policy of the password grant is not imported" in said
    arguments = ("client", "import", "-", "--ignore", "password_grant")
    site.run(*arguments, stdin=json.dumps([copy]))
    assert (
        json.loads(site.run("client", "show", "copy", "--json"))["password_grant"]["app_passwords"]
        == "allowed"
    )


def test_listed_secret_keeps_its_end(site: Site) -> None:
    """A secret that is listed with an end keeps it, unless the client names another end."""
    listed = {"secrets": [{"serial": 1, "not_after": NOON + 9, "weak": False}]}
    imported(site, {**OLD, **listed}, {**OLD, "client_id": "b", **listed, "client_secret_expires_at": 0})
    first, second = json.loads(site.run("client", "list", "--json"))["items"]
    assert [each["secrets"][0]["not_after"] for each in (first, second)] in (
        [NOON + 9, None],
        [None, NOON + 9],
    )
