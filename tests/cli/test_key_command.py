"""`flask key …`: the keys that sign tokens, and the server's own keys behind them."""

import json
import re
from collections.abc import Callable

import pytest

from app import CannotStart, create_app
from cli import services_of
from tests.cli.conftest import Run
from tests.conftest import NOON, Registered, Site
from tests.faults import database_file, drop_table, rows

OLD, NEW = "first-kept-key-q7Zt2LxV9mPw4RbN8sHc", "other-kept-key-D3yKf6UjX1aGz5TeQo0v"
LEAD, TAIL = 3660, 660


def jwt_client(site: Site, alg: str = "ES256") -> Registered:
    """A client that gets JWTs, and has one."""
    client = site.register(f"a program with {alg}", "--access-token-format", alg)
    site.token(client)
    return client


class TestList:
    """`flask key list`."""

    def test_list_without_keys_is_empty(self, site: Site, as_json: Run) -> None:
        """Before the first signature there is no key."""
        assert as_json("key", "list") == []

    def test_list_shows_the_state_of_each_key(self, site: Site, as_json: Run) -> None:
        """A key signs, is published, is retired, or has ended."""
        jwt_client(site)
        as_json("key", "rotate")
        assert [each["state"] for each in as_json("key", "list")] == ["published", "signs"]
        site.clock.now += LEAD
        assert [each["state"] for each in as_json("key", "list")] == ["signs", "retired"]
        site.clock.now += TAIL
        assert [each["state"] for each in as_json("key", "list")] == ["signs", "ended"]

    def test_private_part_is_not_printed(self, site: Site, as_json: Run) -> None:
        """No output shows the private part of a key."""
        jwt_client(site)
        (key,) = as_json("key", "list")
        names = {"kid", "alg", "server_key", "created_at", "active_at", "retired_at", "ends_at", "state"}
        assert set(key) == names

    def test_for_people(self, site: Site) -> None:
        """For people the list is a table with one line for each key."""
        jwt_client(site)
        heading, line = site.run("key", "list").splitlines()
        assert heading.split()[:3] == ["KEY", "ALGORITHM", "STATE"]
        assert "ES256" in line
        assert "2027-01-15 08:00:00Z" in line


class TestRotate:
    """`flask key rotate`."""

    def test_new_key_signs_later(self, site: Site, as_json: Run) -> None:
        """The output says from when the new key signs, and the change is audited."""
        jwt_client(site)
        (made,) = as_json("key", "rotate")
        assert (made["alg"], made["created_at"], made["active_at"]) == ("ES256", NOON, NOON + LEAD)
        (event,) = [row for row in rows(site, "audit_event") if row["event"] == "key.rotated"]
        assert event["reason"] == "ES256"

    def test_each_algorithm_in_use_gets_a_key(self, site: Site, as_json: Run) -> None:
        """Without `--alg` every algorithm in use gets a new key; with `--alg` only that one."""
        for alg in ("ES256", "RS256"):
            jwt_client(site, alg)
        assert [made["alg"] for made in as_json("key", "rotate")] == ["ES256", "RS256"]
        assert [made["alg"] for made in as_json("key", "rotate", "--alg", "RS256")] == ["RS256"]

    def test_first_key_signs_at_once(self, site: Site, as_json: Run) -> None:
        """The first key of an algorithm signs at once."""
        (made,) = as_json("key", "rotate")
        assert (made["alg"], made["active_at"]) == ("RS256", NOON)

    def test_key_in_an_emergency_signs_at_once(self, site: Site, as_json: Run) -> None:
        """With `--now` the new key signs at once, all others end, and the audit says so."""
        jwt_client(site)
        (made,) = as_json("key", "rotate", "--now", "--yes")
        assert made["active_at"] == NOON
        assert [each["state"] for each in as_json("key", "list")].count("signs") == 1
        assert rows(site, "audit_event")[-1]["reason"] == "ES256, at once"

    def test_rotation_at_once_asks_first(self, site: Site, on_terminal: None) -> None:
        """Without `--yes` the operator reads which keys stop verifying, and no answer means no."""
        jwt_client(site)
        asked = site.run("key", "rotate", "--now", stdin="n\n", status=1)
        assert re.search(r"Stop publishing 1 key \(ES256 [\w-]{43}\)\?", asked)
        assert len(rows(site, "signing_key")) == 1
        site.run("key", "rotate", "--now", stdin="y\n")
        assert len(rows(site, "signing_key")) == 2

    def test_for_people(self, site: Site) -> None:
        """For people the output says which key signs from when."""
        assert site.run("key", "rotate").strip().endswith("signs from 2027-01-15 08:00:00Z.")

    def test_unknown_algorithm_is_refused(self, site: Site) -> None:
        """An algorithm that the server does not offer is a usage error."""
        assert "HS256" in site.run("key", "rotate", "--alg", "HS256", status=2)

    @pytest.mark.parametrize("command", ["list", "rotate", "reencrypt", "ring"])
    def test_database_without_its_table_is_one_sentence(self, site: Site, command: str) -> None:
        """If the table is missing, the command prints one sentence."""
        drop_table(site, "signing_key")
        assert "The database cannot be used" in site.run("key", command, status=1)


class TestRing:
    """Changing NETID_SECRET_KEY as the operator's guide describes it."""

    @pytest.fixture
    def with_ring(self, make_site: Callable[..., Site]) -> Callable[[str], Site]:
        """Starts the server again with another ring, on the same database."""
        first = make_site(NETID_SECRET_KEY=OLD)
        url = f"sqlite:///{database_file(first)}"
        return lambda ring: make_site(NETID_SECRET_KEY=ring, NETID_DATABASE_URL=url)

    def test_server_key_is_rotated(self, with_ring: Callable[[str], Site]) -> None:
        """With a new key in front, secrets move at their next use and signing keys by command."""
        before = with_ring(OLD)
        client = jwt_client(before)
        token = before.token(client)
        during = with_ring(f"{NEW} {OLD}")
        assert during.get("/api/me", token).status_code == 200
        first, second = json.loads(during.run("key", "ring", "--json"))["items"]
        assert (first["makes"], first["encrypted"], first["clients"]) == (True, 0, [])
        assert (second["makes"], second["encrypted"]) == (False, 1)
        assert second["clients"] == ["a program with ES256"]
        assert during.ask_token(client).status_code == 200
        assert json.loads(during.run("key", "reencrypt", "--json")) == {"reencrypted": 1}
        first, second = json.loads(during.run("key", "ring", "--json"))["items"]
        assert (first["encrypted"], first["clients"]) == (1, ["a program with ES256"])
        assert (second["encrypted"], second["clients"]) == (0, [])
        after = with_ring(NEW)
        assert after.get("/api/me", token).status_code == 200
        assert after.ask_token(client).status_code == 200
        assert after.http.get("/.well-known/jwks.json").status_code == 200

    @pytest.mark.parametrize("path", ["/oauth/introspect", "/oauth/revoke", "/oauth/token"])
    def test_secret_moves_to_the_new_key_at_any_endpoint(
        self, with_ring: Callable[[str], Site], path: str
    ) -> None:
        """A secret moves when its client authenticates at any endpoint; a wrong secret moves nothing."""
        client = with_ring(OLD).register("an API", grant="client_credentials")
        during = with_ring(f"{NEW} {OLD}")
        old = rows_of(during)
        form = {"token": "x", "grant_type": "client_credentials"}
        during.post(path, Registered(client.client_id, "wrong"), **form)
        assert rows_of(during) == old
        assert during.post(path, client, **form).status_code == 200
        assert rows_of(during) != old
        assert with_ring(NEW).post(path, client, **form).status_code == 200

    def test_server_key_of_a_signing_key_cannot_be_left_out(self, with_ring: Callable[[str], Site]) -> None:
        """The start names a missing server key that a signing key in use needs."""
        client = jwt_client(with_ring(OLD))
        with_ring(f"{NEW} {OLD}").token(client)
        with pytest.raises(CannotStart, match="The database holds signing keys made under other server keys"):
            with_ring(NEW)

    def test_server_key_of_an_ended_signing_key_can_be_left_out(
        self, with_ring: Callable[[str], Site]
    ) -> None:
        """After the last token of a signing key has ended, its server key may be left out."""
        before = with_ring(OLD)
        client = before.register("a program", "--grant", "refresh_token", "--access-token-format", "ES256")
        before.token(client)
        during = with_ring(f"{NEW} {OLD}")
        during.token(client)
        during.run("key", "rotate")
        during.clock.now += LEAD + TAIL
        after = with_ring(NEW)
        refresh = after.ask_token(client).get_json()["refresh_token"]
        assert after.refresh(client, refresh).data == after.refresh(client, refresh).data
        assert after.refresh(client, refresh, scope="default").status_code == 200

    def test_lost_key_is_not_replaced_if_signing_keys_need_it(self, site: Site) -> None:
        """If signing keys need a lost server key, the server refuses to start and makes no new key."""
        site.run("key", "rotate")
        file = database_file(site).parent / "secret.key"
        file.unlink()
        with pytest.raises(CannotStart, match="the server key that they were made with is missing"):
            create_app({"NETID_INSTANCE_PATH": site.app.instance_path})
        assert not file.exists()

    def test_for_people(self, with_ring: Callable[[str], Site]) -> None:
        """For people each key has one line that says what needs it."""
        jwt_client(with_ring(OLD))
        _, first, second = with_ring(f"{NEW} {OLD}").run("key", "ring").splitlines()
        assert first.split()[1:] == ["yes", "0", "0"]
        assert second.split()[1:] == ["1", "1", "a", "program", "with", "ES256"]

    def test_many_clients_are_counted_and_a_few_are_named(
        self, with_ring: Callable[[str], Site], as_json: Run
    ) -> None:
        """A cell names five clients and counts the others; `--all` and `--json` name every client."""
        before = with_ring(OLD)
        names = [f"program {number}" for number in range(8)]
        for name in names:
            before.register(name)
        printed = before.run("key", "ring")
        assert "8        program 0, program 1, program 2, program 3, program 4 and 3 more" in printed
        assert ", ".join(names) in before.run("key", "ring", "--all")
        assert json.loads(before.run("key", "ring", "--json"))["items"][0]["clients"] == names

    def test_persistent_secrets_are_reencrypted(self, with_ring: Callable[[str], Site]) -> None:
        """The secret of pairwise subjects is encrypted again too, and no `sub` changes."""
        client = with_ring(OLD).register("a program", "--pairwise-subject")
        during = with_ring(f"{NEW} {OLD}")
        sub = during.get("/api/me", with_ring(OLD).token(client)).get_json()["sub"]
        assert json.loads(during.run("key", "ring", "--json"))["items"][1]["encrypted"] == 1
        assert json.loads(during.run("key", "reencrypt", "--json")) == {"reencrypted": 1}
        during.token(client)
        after = with_ring(NEW)
        assert after.get("/api/me", after.token(client)).get_json()["sub"] == sub

    def test_reencrypt_for_people(self, site: Site) -> None:
        """If the first key encrypts everything already, nothing is done."""
        jwt_client(site)
        assert site.run("key", "reencrypt").strip() == "Re-encrypted 0 items."


def rows_of(site: Site) -> list[object]:
    """The digests of all client secrets, as they are stored."""
    with site.app.app_context():
        return [secret.digest for client in services_of(site.app).clients.list() for secret in client.secrets]
