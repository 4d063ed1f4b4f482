"""`flask audit self`: this server's settings, clients and keys against RFC 9700 and OWASP ASVS 5.0, V10."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from admin.self_audit.finding import Weight
from admin.self_audit.self_audit import CHECKS, findings_in
from admin.self_audit.snapshot import DatabaseFacts, Snapshot, take_snapshot
from cli import services_of
from models import db
from tests.cli.self_audit_clients import CLIENTS
from tests.cli.self_audit_seeds import (
    ENDS,
    SETTINGS,
    SOUND,
    SOUND_NOTES,
    Seed,
    app_password,
    certificate,
)
from tests.conftest import Site
from tests.servers.migrated import migrated_database
from tests.servers.netid import PROJECT
from tests.servers.postgresql import Postgresql

MakeSite = Callable[..., Site]
STATUSES = {"high": 4, "medium": 3, "low": 3, "note": 0}
DOCUMENT = PROJECT / "docs" / "self-audit.md"


def audited(site: Site, *arguments: str) -> dict[str, Any]:
    """The answer of the command, whose exit status must be that of the worst finding."""
    result = site.app.test_cli_runner().invoke(args=["audit", "self", "--json", *arguments])
    answer: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == STATUSES.get(answer["worst"], 0), result.output
    return answer


def findings(site: Site, *arguments: str) -> list[dict[str, Any]]:
    """What the command finds."""
    items: list[dict[str, Any]] = audited(site, *arguments)["items"]
    return items


def snapshot_of(site: Site) -> Snapshot:
    """What the checks would look at now."""
    with site.app.app_context():
        return take_snapshot(services_of(site.app), key_file=Path("none"), environ={})


@pytest.fixture
def sound(make_site: MakeSite) -> Site:
    """A server in production with clients of each kind, set up as the documentation asks for."""
    site = make_site(**SOUND)
    owned = ("--owner", "it@campus.example", "--strict-auth-method")
    web = "https://portal.campus.example/callback"
    site.run("client", "create", "A program", "--grant", "password", *owned)
    app_password(days=180)(site)
    site.run(*(each if each != "CLIENT" else "A program" for each in ENDS))
    site.run(
        *("client", "create", "Portal", "--grant", "authorization_code", "--grant", "refresh_token"),
        *("--redirect-uri", web, "--scope", "openid offline_access", "--first-party", *owned),
    )
    site.run(
        *("client", "create", "Phone", "--public", "--grant", "authorization_code", "--owner", "it"),
        *("--redirect-uri", "http://127.0.0.1/cb", "--redirect-uri", "edu.campus.app:/cb"),
    )
    api = ("--audience", "https://api.campus.example", "--default-audience", "https://api.campus.example")
    site.run(
        *("client", "create", "Nightly job", "--grant", "client_credentials", *owned),
        *("--access-token-format", "ES256", *api),
    )
    site.run("client", "create", "API", "--resource-server", *owned)
    site.run("key", "rotate")
    return site


def test_sound_configuration_has_only_notes(sound: Site) -> None:
    """A server that is set up as documented, with clients of each kind, has no finding above a note."""
    answer = audited(sound)
    assert answer["worst"] == "note"
    assert {each["id"] for each in answer["items"]} == SOUND_NOTES
    assert answer["checks"] == len(CHECKS)


def test_server_of_the_walk_through_has_only_notes(site: Site) -> None:
    """A newcomer's server, with its defaults on this machine, has no finding above a note."""
    assert {each["weight"] for each in findings(site)} == {"note"}


@pytest.mark.parametrize("seed", [*SETTINGS, *CLIENTS], ids=lambda seed: str(seed.claim))
def test_misconfiguration_is_found(make_site: MakeSite, seed: Seed) -> None:
    """Each misconfiguration is found once, with its weight, and its own remedy removes it."""
    settings = {**SOUND, **seed.settings}
    site = make_site(**settings)
    assert seed.finding not in SOUND_NOTES
    for act in seed.acts:
        act(site)
    (found,) = (each for each in findings(site) if each["id"] == seed.finding)
    assert found["weight"] == seed.weight
    assert (found["sentence"] + found["mend"]).isascii()
    if seed.mended is not None:
        mended = found["mend"]
        for placeholder, value in seed.mended.items():
            mended = mended.replace(placeholder, value)
        assert seed.finding not in {each["id"] for each in findings(_mend(make_site, site, settings, mended))}


def _mend(make_site: MakeSite, site: Site, settings: dict[str, str], mend: str) -> Site:
    """Do what a finding proposes: run the command, or begin again with the setting."""
    program, _, rest = mend.partition(" ")
    if program != ".venv/bin/flask":
        name, _, value = mend.partition("=")
        return make_site(**{**settings, name: value})
    asks = any(
        words in rest for words in ("client disable", "app-password revoke", "rotate --alg RS256 --now")
    )
    site.run(*shlex.split(rest), *(["--yes"] if asks else []))
    # A new key signs within an hour, and an old secret ends within a week.
    site.clock.now += 8 * 86_400
    return site


def test_trusted_proxy_at_an_open_address_is_found(make_site: MakeSite, tmp_path: Path) -> None:
    """A server that other hosts reach over TLS directly must not trust the header of a proxy."""
    settings = {**SOUND, "NETID_BIND": "0.0.0.0:8443", **certificate(tmp_path / "tls")}
    found = {each["id"]: each for each in findings(make_site(**settings))}
    assert found["proxies-at-an-open-address"]["about"] == "NETID_TRUSTED_PROXIES"
    assert found["proxies-at-an-open-address"]["weight"] == "medium"


def test_container_behind_a_proxy_gets_a_note(make_site: MakeSite) -> None:
    """The documented container, with a proxy on another host, is told to check who reaches its port."""
    open_address = {"NETID_BIND": "0.0.0.0:8080", "NETID_ALLOW_PLAIN_HTTP": "true"}
    found = {each["id"]: each["weight"] for each in findings(make_site(**{**SOUND, **open_address}))}
    assert found["plain-http-for-other-hosts"] == "note"
    assert set(found.values()) == {"note"}


@pytest.mark.parametrize(
    ("url", "environ", "weight"),
    [
        ("postgresql+psycopg://netid:secret@db.example.edu/netid", {}, Weight.HIGH),
        ("postgresql+psycopg://netid@db.example.edu:5432/netid?sslmode=disable", {}, Weight.HIGH),
        ("postgresql+psycopg://netid@/netid?host=192.0.2.7", {}, Weight.HIGH),
        ("postgresql+psycopg://netid@localhost,[2001:db8::1]:5432/netid", {}, Weight.HIGH),
        ("postgresql+psycopg:///netid", {"PGHOST": "db.example.edu"}, Weight.HIGH),
        ("postgresql+psycopg://netid@localhost/netid?hostaddr=192.0.2.7", {}, Weight.HIGH),
        ("postgresql+psycopg://netid@db.example.edu/netid", {"PGSSLMODE": "verify-ca"}, Weight.LOW),
        ("postgresql+psycopg://netid@db.example.edu/netid?sslmode=require", {}, Weight.LOW),
        ("postgresql+psycopg://netid@db.example.edu/netid?sslmode=verify-full", {}, None),
        ("postgresql+psycopg://netid@127.0.0.1/netid", {}, None),
        ("postgresql+psycopg://netid@/netid?host=/run/postgresql", {}, None),
        ("postgresql+psycopg://netid@%2Frun%2Fpostgresql/netid", {}, None),
        ("postgresql+psycopg://netid:se/cret?@db.example.edu/netid", {}, Weight.HIGH),
        ("postgresql+psycopg://[::1/netid", {}, None),
        ("sqlite:////srv/netid.sqlite3", {"PGHOST": "db.example.edu"}, None),
        (None, {}, None),
    ],
)
def test_database_on_another_host_needs_verified_tls(
    site: Site, url: str | None, environ: dict[str, str], weight: Weight | None
) -> None:
    """A database that another host serves is found unless its connection is encrypted and verified."""
    snapshot = replace(snapshot_of(site), database=DatabaseFacts(url, environ))
    found = [each for each in findings_in(snapshot) if each.id == "database-without-tls"]
    assert [each.weight for each in found] == ([] if weight is None else [weight])
    assert "secret" not in str(found)


def test_service_file_of_the_database_is_noted(site: Site) -> None:
    """A host that only libpq's service file knows was not checked, and the audit says so."""
    for url, environ in (("postgresql://?service=campus", {}), ("postgresql:///n", {"PGSERVICE": "campus"})):
        snapshot = replace(snapshot_of(site), database=DatabaseFacts(url, environ))
        (found,) = (each for each in findings_in(snapshot) if each.id == "database-service-unread")
        assert "the service campus" in found.sentence


def test_documented_container_has_only_notes(make_site: MakeSite) -> None:
    """The container of docs/operating.md is a sound configuration."""
    page = (PROJECT / "docs" / "operating.md").read_text("utf-8")
    (block,) = re.findall(r"^docker run .*?^```", page, re.MULTILINE | re.DOTALL)
    given = dict(re.findall(r"-e (NETID_\w+)=(\S+)", block))
    del given["NETID_INSTANCE_PATH"]
    assert given["NETID_BIND"] == "0.0.0.0:8080"
    assert {each["weight"] for each in findings(make_site(**given))} == {"note"}


def test_database_that_cannot_be_read_is_no_finding(site: Site) -> None:
    """An audit that could not be made ends with status 1, which no finding has."""
    with site.app.app_context(), db.engine.begin() as link:
        link.execute(text("ALTER TABLE app_password RENAME TO away"))
    assert "The database cannot be used" in site.run("audit", "self", "--json", status=1)


def test_client_at_the_cap_is_found(make_site: MakeSite) -> None:
    """A program that logs its users in at every call is named."""
    site = make_site(NETID_GRANTS_PER_PERSON="2")
    program = site.register("Poller")
    site.token(program)
    assert "client-at-cap" not in {each["id"] for each in findings(site)}
    site.token(program)
    (found,) = (each for each in findings(site) if each["id"] == "client-at-cap")
    assert (found["client_id"], found["client_name"]) == (program.client_id, "Poller")
    assert "Poller" in site.run(*shlex.split(found["mend"])[1:])


def test_more_app_passwords_than_are_read_is_said(site: Site) -> None:
    """The audit never passes over rows in silence."""
    snapshot = replace(snapshot_of(site), more_app_passwords=True)
    assert "app-passwords-unread" in {each.id for each in findings_in(snapshot)}


def test_disabled_client_has_no_findings(site: Site) -> None:
    """A client that can do nothing is not worth a warning."""
    site.run("client", "create", "Old", "--grant", "password", "--public", "--allow-public-password")
    assert any(each["client_name"] == "Old" for each in findings(site))
    site.run("client", "disable", "Old", "--yes")
    assert [each for each in findings(site) if each["client_name"] == "Old"] == []


def test_findings_are_the_same_on_postgresql(
    postgresql: Postgresql, make_site: MakeSite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The rows of PostgreSQL give the findings that those of SQLite give."""
    with migrated_database(postgresql, "self_audit", tmp_path_factory.mktemp("self_audit")) as url:
        on_sqlite, on_postgresql = (
            aged(make_site(**{**SOUND, **more})) for more in ({}, {"NETID_DATABASE_URL": url})
        )
    assert on_sqlite == on_postgresql
    assert {"signing-key-old", "client-unused", "app-password-long-and-open"} <= on_sqlite


def aged(site: Site) -> set[str]:
    """What is found of a client, its app password and a key when they are new, and a year later."""
    site.run("client", "create", "A program", "--grant", "password", "--tolerant-scope")
    site.run("password-grant", "set", "A program", "--ends", "2027-06-30", "--closed-to-new-people")
    app_password(days=365, networks=())(site)
    site.run("key", "rotate")
    found = {each["id"] for each in findings(site)}
    site.clock.now += 400 * 86_400
    found |= {each["id"] for each in findings(site)}
    site.clock.now -= 400 * 86_400
    return found


def test_accepted_finding_is_left_out(site: Site) -> None:
    """An operator accepts a finding everywhere or for one client, and the exit status follows."""
    ids = [
        json.loads(site.run("client", "create", name, "--grant", "password", "--owner", "it", "--json"))[
            "client_id"
        ]
        for name in ("one", "other")
    ]
    found = findings(site, "--accept", f"password-grant-without-end={ids[0]}")
    assert [each["client_id"] for each in found if each["id"] == "password-grant-without-end"] == [ids[1]]
    left = ("--accept", "password-grant-without-end", "--accept", "administrators-by-password")
    assert audited(site, *left)["worst"] == "note"


def test_number_of_statements_does_not_grow(site: Site) -> None:
    """An audit of a hundred clients sends as many SQL statements as that of one."""
    counts = []
    for amount in (1, 100):
        given = [{"client_id": f"{amount}-{n}", "client_secret": "letmein"} for n in range(amount)]
        site.run("client", "import", "-", stdin=json.dumps(given))
        counts.append(statements(site))
    assert counts[0] == counts[1]


def statements(site: Site) -> int:
    """How many SQL statements the audit sends."""
    sent: list[object] = []

    def note(*call: object) -> None:
        sent.append(call[2])

    with site.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        audited(site)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(sent)


def test_unknown_finding_cannot_be_accepted(refusal: Callable[..., str]) -> None:
    """A misspelt id is refused: otherwise an operator would believe that it was accepted."""
    assert "There is no check 'pkce'" in refusal("audit", "self", "--accept", "pkce")


def test_text_names_weight_subject_remedy_and_requirement(site: Site) -> None:
    """A reader sees the worst first, what it is about, the remedy, the requirement, and the totals."""
    site.run("client", "create", "Old", "--grant", "password", "--public", "--allow-public-password")
    lines = site.run("audit", "self", status=4).splitlines()
    assert lines[0].startswith("high    password-grant-public: Old (")
    assert "RFC 9700, 2.4; RFC 9700, 2.5; ASVS 10.4.4" in lines[1]
    assert lines[2].strip().startswith(".venv/bin/flask password-grant set")
    assert lines[-1].startswith(f"{len(CHECKS)} checks found: 1 high, 1 medium, ")


def test_text_shows_the_first_of_many_of_a_kind(site: Site) -> None:
    """Hundreds of clients without an owner do not hide other findings; --all names each."""
    for number in range(7):
        site.run("client", "create", f"client {number}", "--grant", "client_credentials")
    short, full = (site.run("audit", "self", *each, status=3) for each in ((), ("--all",)))
    assert (short.count("client-without-owner:"), full.count("client-without-owner:")) == (5, 7)
    assert "... and 2 more of this kind: --all" in short
    assert "more of this kind" not in full


def test_no_secret_is_printed(make_site: MakeSite) -> None:
    """Neither the keys nor the passwords of the settings are in the answer, in text or in JSON."""
    key, password = "9c1e5b7a3f8d2460b7e9a1c3d5f70284", "a password of the service account"
    site = make_site(**{**SOUND, "NETID_SECRET_KEY": key})
    secret = site.register("A program").secret
    answer = json.dumps(audited(site)) + site.run("audit", "self", status=3)
    assert "secret-in-environment" in answer
    assert not any(each in answer for each in (key, password, secret))


def test_nothing_is_written(site: Site) -> None:
    """The audit of the server itself stores no row and logs no line."""
    site.register("A program")
    before = (site.run("audit", "list", "--json"), site.log.getvalue())
    audited(site)
    assert (site.run("audit", "list", "--json"), site.log.getvalue()) == before


def test_name_of_a_client_cannot_give_a_command(site: Site) -> None:
    """A remedy can be copied into a shell, whatever id an imported client has."""
    wild = "-x; rm -rf $(pwd) 'y'"
    given = json.dumps([{"client_id": wild, "client_name": "wild", "client_secret": "letmein"}])
    site.run("client", "import", "-", stdin=given)
    mends = [shlex.split(each["mend"]) for each in findings(site) if each["client_id"] == wild]
    assert mends
    assert all(each[-2:] == ["--", wild] for each in mends)


def test_every_check_is_documented() -> None:
    """docs/self-audit.md has one row for each check, with its weight, its summary and its requirements."""
    _, _, checks = DOCUMENT.read_text("utf-8").partition("## The checks")
    rows = [line for line in checks.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{each.id}` | {each.weight} | {each.summary.rstrip('.')} | {'; '.join(each.references)} |"
        for each in CHECKS
    ]


def test_documented_commands_work(site: Site) -> None:
    """Each command of the page runs as it stands there."""
    blocks = re.findall(r"^```shell\n(.*?)^```$", DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert len(commands) == 2
    for program, *arguments in commands:
        assert program == ".venv/bin/flask"
        assert f"{len(CHECKS)} checks found: " in site.run(*arguments)


def test_every_check_is_tried() -> None:
    """Each check has a misconfiguration in these tests, and its own name."""
    tried = {each.finding for each in (*SETTINGS, *CLIENTS)} | SOUND_NOTES
    own_tests = {
        "proxies-at-an-open-address",
        "database-without-tls",
        "client-at-cap",
        "app-passwords-unread",
        "database-service-unread",
        "secret-shared",
    }
    ids = [each.id for each in CHECKS]
    assert len(ids) == len(set(ids))
    assert set(ids) == tried | own_tests
