"""The tokens of an app password end with it, whoever ends it: its user at `/me`, or an operator."""

import json
from collections.abc import Callable

import pytest

from tests.conftest import Registered, Site
from tests.faults import rows
from tests.web.own_visitor import OwnVisitor

End = Callable[[Site, OwnVisitor, Registered, str], object]

ENDS: dict[str, End] = {
    "button": lambda site, alice, client, key: alice.press(app_password=key),
    "program": lambda site, alice, client, key: alice.press(program=client.client_id),
    "command": lambda site, alice, client, key: site.run("app-password", "revoke", key, "--yes"),
    "person": lambda site, alice, client, key: site.run(
        "app-password", "revoke", "--person", "alice", "--yes"
    ),
    "client": lambda site, alice, client, key: site.run(
        "app-password", "revoke", "--client", client.client_id, "--yes"
    ),
    "logout": lambda site, alice, client, key: site.run("person", "logout", "alice", "--yes"),
}


@pytest.fixture
def library(site: Site) -> Registered:
    """A client with the password grant, which may refresh."""
    return site.register("Library", "--scope", "profile email", "--grant", "refresh_token")


@pytest.fixture
def alice(site: Site) -> OwnVisitor:
    """A browser in which alice has just signed in."""
    visitor = OwnVisitor(site)
    visitor.sign_in("alice")
    return visitor


@pytest.mark.parametrize("end", ENDS)
def test_tokens_end_with_the_app_password(
    site: Site, library: Registered, alice: OwnVisitor, end: str
) -> None:
    """The access token answers 401 at once, the refresh token gives nothing, and no new token is given."""
    value, kept = alice.make(library.client_id), site.register("Another", "--scope", "profile")
    answer = site.ask_token(library, password=value)
    assert answer.status_code == 200, answer.text
    tokens, others = answer.get_json(), site.token(kept, username="bob", password="bob-password")
    assert site.get("/api/me", tokens["access_token"]).status_code == 200
    (row,) = rows(site, "app_password")
    assert isinstance(row["id"], bytes)
    ENDS[end](site, alice, library, row["id"].hex())
    assert site.get("/api/me", tokens["access_token"]).status_code == 401
    assert site.refresh(library, tokens["refresh_token"]).status_code == 400
    assert site.ask_token(library, password=value).status_code == 400
    assert site.get("/api/me", others).status_code == 200


def test_page_shows_the_last_use(site: Site, library: Registered, alice: OwnVisitor) -> None:
    """A user sees which app password is still needed."""
    value = alice.make(library.client_id)
    site.clock.now += 3600
    site.ask_token(library, password=value)
    page = alice.page()
    assert "<dd>Never</dd>" not in page
    assert page.count('datetime="2027-01-15T09:00:00Z"') >= 1


def test_value_of_the_command_gives_a_token(site: Site, library: Registered) -> None:
    """What an operator makes works as what a user makes, and within its scope."""
    made = json.loads(
        site.run(
            *("app-password", "create", "Library", "alice", "--label", "x", "--days", "3"),
            *("--scope", "email", "--json"),
        )
    )
    answer = site.ask_token(library, password=made["app_password"])
    assert (answer.status_code, answer.get_json()["scope"]) == (200, "email")


def test_logout_counts_the_grants_of_app_passwords(
    site: Site, library: Registered, alice: OwnVisitor
) -> None:
    """The command says how much ended, whatever ended it."""
    site.ask_token(library, password=alice.make(library.client_id))
    site.token(library)
    printed = json.loads(site.run("person", "logout", "alice", "--yes", "--json"))
    assert (printed["ended"], printed["ended_sessions"], printed["ended_app_passwords"]) == (2, 1, 1)
