"""Makes the data of a release, which later code must open.

Run `python -m tests.models.upgrades.make_release_data RELEASE` once, with the code of a release, before it is
tagged. It writes two files beside itself: the whole database as SQL, and what its clients hold (secrets and
tokens) as JSON. Never run it again for a release that is out: its data is what that code wrote.
"""

import argparse
import io
import json
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from flask_migrate import upgrade

from app import create_app
from models import MissingPersonStore, db
from telemetry import AuditEvent
from tests.conftest import NOON, Clock, Registered, Site
from tests.web.signin.visitor import CALLBACK, VERIFIER, Visitor, parameters_of, register

FOLDER = Path(__file__).parent
SERVER_KEY = "kept-by-the-operator-0123456789-abcdefgh"
DATABASE = "netid.sqlite3"
MISSING = "subject-of-a-missing-person"
# Each kind of client by its own options.
CLIENTS = {
    "rotating": ("--grant", "refresh_token", "--scope", "profile email library", "--resource-server"),
    "keeping": ("--grant", "refresh_token", "--keep-refresh-token"),
    "pairwise": ("--grant", "refresh_token", "--pairwise-subject"),
    "signed": (
        "--grant",
        "refresh_token",
        "--access-token-format",
        "RS256",
        "--id-token",
        "--scope",
        "openid",
    ),
    "program": ("--grant", "client_credentials"),
}


def make_site(instance: Path, now: int) -> Site:
    """An application over the embedded directory, under the key of the data; its database is not migrated."""
    environ = {"NETID_INSTANCE_PATH": str(instance), "NETID_SECRET_KEY": SERVER_KEY}
    log, clock = io.StringIO(), Clock(now)
    app = create_app(environ, clock=clock, log_stream=log)
    return Site(app, app.test_client(), clock, log)


def fill(site: Site) -> dict[str, dict[str, str]]:
    """Use every part of the server once, and return what each client holds afterwards."""
    site.run("scope", "create", "library", "--description", "Borrow books")
    held: dict[str, dict[str, str]] = {}
    clients: dict[str, Registered] = {}
    for name, options in CLIENTS.items():
        clients[name] = site.register(name, *options)
        held[name] = {"client_id": clients[name].client_id, "client_secret": clients[name].secret}
        if name == "program":
            answer = site.post("/oauth/token", clients[name], grant_type="client_credentials").get_json()
        else:
            answer = site.ask_token(clients[name]).get_json()
        held[name].update({member: value for member, value in answer.items() if member.endswith("token")})
    held["browser"] = sign_in(site)
    held["moving"] = move(site)
    # A refresh token that was used, with the answer that its client may not have received.
    second = site.ask_token(clients["rotating"]).get_json()["refresh_token"]
    answer = site.refresh(clients["rotating"], second).get_json()
    held["rotating"] |= {"used_refresh_token": second, "next_refresh_token": answer["refresh_token"]}
    revoked = site.ask_token(clients["rotating"]).get_json()
    site.post("/oauth/revoke", clients["rotating"], token=revoked["refresh_token"])
    held["rotating"]["revoked_access_token"] = revoked["access_token"]
    site.ask_token(clients["rotating"], username="bob", password="wrong")
    with site.app.app_context():
        event = AuditEvent(event="grant.revoked", at=int(site.clock()), subject=MISSING)
        MissingPersonStore().missed(MISSING, (), event)
    return held


def sign_in(site: Site) -> dict[str, str]:
    """Sign alice in with a browser, and return what it and its client hold: a cookie, tokens and codes."""
    client = register(site, "browser", "--grant", "refresh_token", scope="openid profile offline_access")
    visitor = Visitor(site)
    asked = {"scope": "openid offline_access", "prompt": "consent"}
    code = parameters_of(visitor.allow(visitor.sign_in(visitor.open(client, **asked))))["code"]
    form = {"code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    answer = site.post("/oauth/token", client, grant_type="authorization_code", **form).get_json()
    tokens = {member: value for member, value in answer.items() if member.endswith("token")}
    unused = parameters_of(visitor.open(client, scope="openid"))["code"]
    return {
        "client_id": client.client_id,
        "client_secret": client.secret,
        "cookie": visitor.cookie() or "",
        "used_code": code,
        "unused_code": unused,
        **tokens,
    }


def move(site: Site) -> dict[str, str]:
    """Move a client from Net ID passwords to app passwords, and return what it and its program hold."""
    client = site.register("moving", "--grant", "refresh_token")
    made = ("--label", "Backup of the lab", "--days", "90", "--json")
    app_password = json.loads(site.run("app-password", "create", client.client_id, "alice", *made))
    site.run("password-grant", "set", client.client_id, "--app-passwords", "only")
    answer = site.ask_token(client, password=app_password["app_password"]).get_json()
    tokens = {member: value for member, value in answer.items() if member.endswith("token")}
    return {
        "client_id": client.client_id,
        "client_secret": client.secret,
        "app_password": app_password["app_password"],
        "app_password_id": app_password["app_password_id"],
        **tokens,
    }


def main(release: str) -> None:
    """Write the data of `release`."""
    with tempfile.TemporaryDirectory() as folder:
        instance = Path(folder) / "instance"
        site = make_site(instance, NOON)
        with site.app.app_context():
            upgrade()
        held = fill(site)
        with site.app.app_context():
            db.engine.dispose()
        with closing(sqlite3.connect(instance / DATABASE)) as database:
            dump = "\n".join(database.iterdump())
    (FOLDER / f"{release}.sql").write_text(dump + "\n", "utf-8")
    (FOLDER / f"{release}.json").write_text(json.dumps(held, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("release", metavar="RELEASE", help="such as 0.2.0")
    main(parser.parse_args().release)
