"""`flask client import`: clients move with their ids and secrets, all of them or none."""

import hashlib
import json
from base64 import b64encode
from typing import Any

import pytest

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


def test_a_client_keeps_its_id_and_secret(site: Site) -> None:
    """A program with odd characters in its secret goes on as it is (RFC 6749, 2.3.1)."""
    assert json.loads(imported(site, OLD))["imported"] == ["old program (1)"]
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
def test_a_hashed_secret_is_taken_over(site: Site, form: Any) -> None:
    """Where the old server kept only a SHA-256, the secret itself works, and the hash opens nothing."""
    digest = hashlib.sha256(b"the old secret").digest()
    imported(site, {**OLD, "client_secret": None, "client_secret_hash": form(digest)})
    assert site.ask_token(Registered(OLD["client_id"], "the old secret")).status_code == 200
    assert site.ask_token(Registered(OLD["client_id"], digest.hex())).status_code == 401


def test_the_same_secret_for_two_clients(site: Site) -> None:
    """Two clients may share a secret that was imported; each proves only itself."""
    imported(site, OLD, {**OLD, "client_id": "second", "grant_types": []})
    assert (
        site.ask_token(Registered("second", OLD["client_secret"])).get_json()["error"]
        == "unauthorized_client"
    )


def test_a_weak_secret_is_flagged_with_a_date(site: Site) -> None:
    """A short secret is told at once, and in the list with the day by which to rotate it."""
    assert json.loads(imported(site, OLD))["weak"] == ["old program (1)"]
    assert "rotate by 2027-04-15" in site.run("client", "list")
    strong = {**OLD, "client_id": "strong", "client_secret": "8Jd0-qLw92_xmZkT4vNcR7aBhY5e"}
    assert json.loads(imported(site, strong))["weak"] == []


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
        ("not an object", "This is not a list of objects."),
    ],
)
def test_a_mistake_imports_nothing(site: Site, client: Any, sentence: str) -> None:
    """A list with a mistake is refused whole, and the mistake is named with its client."""
    good = {**OLD, "client_id": "good"}
    printed = imported(site, good, client, status=1)
    assert sentence in printed
    assert "old-secret" not in printed
    assert json.loads(site.run("client", "list", "--json")) == []


def test_scope_as_a_list(site: Site) -> None:
    """A server that exports scopes as a list is understood."""
    imported(site, {**OLD, "scope": ["profile", "email"]})
    assert json.loads(site.run("client", "list", "--json"))[0]["scope"] == "profile email"


def test_what_narrows_a_client_comes_with_it(site: Site) -> None:
    """What another server of ours lists of a client is what it is here: flags and restrictions too."""
    narrow = {"flags": {"pairwise_subject": True}, "restrictions": {"networks": ["192.0.2.0/24"]}}
    imported(site, {**OLD, **narrow, "released_claims": []})
    (listed,) = json.loads(site.run("client", "list", "--json"))
    assert {name: listed[name] for name in narrow} == narrow
    assert listed["released_claims"] == []


@pytest.mark.parametrize(("expires_in", "status"), [(1, 200), (0, 401)])
def test_a_secret_ends_as_it_would_have(site: Site, expires_in: int, status: int) -> None:
    """A secret with an end keeps it (RFC 7591, 3.2.1)."""
    imported(site, {**OLD, "client_secret_expires_at": NOON + expires_in})
    assert site.ask_token(Registered(OLD["client_id"], OLD["client_secret"])).status_code == status


def test_every_mistake_is_told_at_once(site: Site) -> None:
    """Each mistake of the list is a sentence of its own."""
    printed = imported(site, {**OLD, "client_secret": ""}, {**OLD, "client_id": ""}, OLD, OLD, status=1)
    assert "Give either" in printed
    assert "number 2" in printed
    assert "twice" in printed


def test_a_client_that_exists_is_not_replaced(site: Site) -> None:
    """An id that is taken refuses the list; who is registered stays as they are."""
    imported(site, OLD)
    printed = imported(site, {**OLD, "client_secret": "another"}, {**OLD, "client_id": "new"}, status=1)
    assert "Registered already: old program (1)" in printed
    assert site.ask_token(Registered(OLD["client_id"], OLD["client_secret"])).status_code == 200
    assert "new" not in site.run("client", "list")
