"""`flask grant …`: listing the logins that live on in tokens, and ending them."""

import json
from collections.abc import Callable

import pytest

from models import db
from tests.cli.conftest import Run
from tests.conftest import NOON, Registered, Site
from tests.faults import rows

DAY = 86_400


@pytest.fixture
def library(site: Site) -> Registered:
    """A client that may refresh."""
    return site.register("Library", "--grant", "refresh_token", "--scope", "profile")


def login(site: Site, client: Registered, net_id: str = "alice") -> str:
    """An access token for a user of the embedded directory."""
    return site.token(client, username=net_id, password=f"{net_id}-password")


def lives(site: Site, token: str) -> bool:
    """Whether a resource accepts the access token."""
    return site.get("/api/me", token).status_code == 200


def subject(site: Site, token: str) -> str:
    """The stable id of the token's person."""
    sub: str = site.get("/api/me", token).get_json()["sub"]
    return sub


def revoked(site: Site) -> list[dict[str, object]]:
    """The audit rows of grants that were ended."""
    return [row for row in rows(site, "audit_event") if row["event"] == "grant.revoked"]


class TestList:
    """`flask grant list`."""

    def test_list_as_json(self, as_json: Run, site: Site, library: Registered) -> None:
        """A grant is an object with its id, client, person, scope and times in seconds."""
        token = login(site, library)
        (grant,) = rows(site, "grant")
        assert isinstance(grant["id"], bytes)
        assert as_json("grant", "list") == [
            {
                "grant_id": grant["id"].hex(),
                "client_id": library.client_id,
                "client_name": "Library",
                "net_id": "alice",
                "sub": subject(site, token),
                "scope": "profile",
                "since": NOON,
                "lives_until": NOON + 14 * DAY,
            }
        ]

    def test_list_is_a_table(self, site: Site, library: Registered) -> None:
        """For people the list has a header and one line for each grant."""
        login(site, library)
        headline, line = site.run("grant", "list").splitlines()
        assert headline.split() == ["GRANT", "CLIENT", "NET", "ID", "SUB", "SCOPE", "SINCE", "LIVES", "UNTIL"]
        assert line.split()[1:3] == ["Library", "alice"]
        assert line.endswith("2027-01-15 08:00:00Z  2027-01-29 08:00:00Z")

    def test_list_finds_a_person_by_net_id_and_by_sub(
        self, as_json: Run, site: Site, library: Registered
    ) -> None:
        """A Net ID and a stable id select the grants of one user, and no others."""
        sub = subject(site, login(site, library))
        login(site, library, "bob")
        for person in ("alice", sub):
            (found,) = as_json("grant", "list", "--person", person)
            assert found["net_id"] == "alice"

    def test_list_finds_a_client_by_name_and_by_id(
        self, as_json: Run, site: Site, library: Registered
    ) -> None:
        """A client's name and its id select its grants, alone or together with a user."""
        login(site, library)
        login(site, library, "bob")
        login(site, site.register("another"))
        for client in ("Library", library.client_id):
            assert len(as_json("grant", "list", "--client", client)) == 2
            assert len(as_json("grant", "list", "--client", client, "--person", "bob")) == 1

    def test_limited_list_says_that_there_are_more(
        self, site: Site, as_json: Run, library: Registered
    ) -> None:
        """A list that is cut says so: on standard error for people, in `more` for programs."""
        for _ in range(3):
            login(site, library)
        assert len(as_json("grant", "list", "--limit", "3")) == 3
        bounded = as_json("grant", "list", "--limit", "2")
        assert (len(bounded["items"]), bounded["more"]) == (2, True)
        result = site.app.test_cli_runner().invoke(args=["grant", "list", "--limit", "2"])
        assert len(result.stdout.splitlines()) == 3
        assert "more than 2" in result.stderr

    def test_list_of_a_user_without_grants_is_empty(
        self, as_json: Run, site: Site, library: Registered
    ) -> None:
        """A user without a grant is no error."""
        login(site, library)
        assert as_json("grant", "list", "--person", "nobody") == []

    def test_no_token_is_printed(self, site: Site, library: Registered) -> None:
        """The list shows no token."""
        login(site, library)
        printed = site.run("grant", "list") + site.run("grant", "list", "--json")
        assert "nida_" not in printed
        assert "nidr_" not in printed


class TestRevoke:
    """`flask grant revoke`."""

    def test_revoke_ends_one_grant(self, as_json: Run, site: Site, library: Registered) -> None:
        """The grant with the given id ends, and no other."""
        first, second = login(site, library), login(site, library, "bob")
        (alices,) = as_json("grant", "list", "--person", "alice")
        assert as_json("grant", "revoke", "--grant", alices["grant_id"], "--yes") == {"ended": 1}
        assert not lives(site, first)
        assert lives(site, second)

    def test_revoke_ends_the_grants_of_one_person(
        self, as_json: Run, site: Site, library: Registered
    ) -> None:
        """A user's grants end with every client; other users' grants live on."""
        mine = [login(site, library), login(site, site.register("another", "--scope", "profile"))]
        other = login(site, library, "bob")
        assert as_json("grant", "revoke", "--person", "alice", "--yes") == {"ended": 2}
        assert not any(lives(site, token) for token in mine)
        assert lives(site, other)

    def test_revoke_ends_the_grants_of_one_client(
        self, as_json: Run, site: Site, library: Registered
    ) -> None:
        """A client's grants end for every user, and its users may log in again."""
        tokens = [login(site, library), login(site, library, "bob")]
        other = login(site, site.register("another", "--scope", "profile"))
        assert as_json("grant", "revoke", "--client", "Library", "--yes") == {"ended": 2}
        assert not any(lives(site, token) for token in tokens)
        assert lives(site, other)
        assert lives(site, login(site, library))

    def test_refresh_token_of_an_ended_grant_is_refused(self, site: Site, library: Registered) -> None:
        """The refresh token of an ended grant is refused (RFC 6749, 5.2)."""
        token = site.ask_token(library).get_json()["refresh_token"]
        site.run("grant", "revoke", "--person", "alice", "--yes")
        assert site.refresh(library, token).get_json()["error"] == "invalid_grant"

    @pytest.mark.parametrize("date", ["2027-01-16", "2027-01-16T00:00:00", "2027-01-16 00:00:00Z"])
    def test_revoke_before_a_date_ends_only_older_logins(
        self, as_json: Run, site: Site, library: Registered, date: str
    ) -> None:
        """With `--before` (UTC) only older logins end, together with any other option."""
        old = login(site, library)
        site.clock.now = NOON + DAY
        new = login(site, library)
        site.clock.now = NOON
        assert as_json("grant", "revoke", "--client", "Library", "--before", date, "--yes") == {"ended": 1}
        assert (lives(site, old), lives(site, new)) == (False, True)

    def test_refreshed_grant_is_as_old_as_its_login(
        self, as_json: Run, site: Site, library: Registered
    ) -> None:
        """A refresh makes a grant no younger."""
        token = site.ask_token(library).get_json()["refresh_token"]
        site.clock.now = NOON + DAY
        site.refresh(library, token)
        ended = as_json("grant", "revoke", "--person", "alice", "--before", "2027-01-16", "--yes")
        assert ended == {"ended": 1}

    def test_revocation_is_one_audit_row(self, site: Site, library: Registered) -> None:
        """One row has the person, the client, the date and the number of ended grants."""
        sub = subject(site, login(site, library))
        login(site, library)
        options = ("--person", "alice", "--client", "Library", "--before", "2027-01-16")
        site.run("grant", "revoke", *options, "--yes")
        site.run("grant", "revoke", *options, "--yes", status=1)
        (event,) = revoked(site)
        assert (event["client_id"], event["subject"]) == (library.client_id, sub)
        assert event["reason"] == "before 2027-01-16 00:00:00Z: 2 ended"

    @pytest.mark.usefixtures("on_terminal")
    def test_revoke_asks_before_it_ends_grants(self, site: Site, library: Registered) -> None:
        """Without `--yes` the operator reads how many grants will end, and no answer means no."""
        token = login(site, library)
        asked = site.run("grant", "revoke", "--person", "alice", "--client", "Library", stdin="n\n", status=1)
        assert f"End 1 grant of alice ({subject(site, token)}) with Library ({library.client_id})?" in asked
        assert lives(site, token)
        said = site.run("grant", "revoke", "--person", "alice", stdin="y\n")
        assert said.strip() == "Ended 1 grant."

    def test_revoke_that_matches_nothing_fails(self, refusal: Run, site: Site, library: Registered) -> None:
        """If no live grant matches, nothing is asked and the exit status is 1."""
        login(site, library)
        site.run("grant", "revoke", "--person", "alice", "--yes")
        for options in (
            ("--person", "alice"),
            ("--person", "nobody"),
            ("--client", "Library"),
            ("--everyone",),
        ):
            assert refusal("grant", "revoke", *options) == "No live grant matches."

    @pytest.mark.parametrize("options", [(), ("--before", "2027-01-16"), ("--yes",)])
    def test_revocation_without_a_selection_is_refused(
        self, site: Site, library: Registered, options: tuple[str, ...]
    ) -> None:
        """A call without a selection is refused: a typing error must not log a campus out."""
        token = login(site, library)
        said = site.run("grant", "revoke", *options, status=2)
        assert "Name at least one of --grant, --person and --client, or --everyone alone." in said
        assert lives(site, token)

    def test_revoke_of_an_unknown_person_ends_nothing(
        self, refusal: Run, site: Site, library: Registered
    ) -> None:
        """An unknown user does not select every grant."""
        token = login(site, library)
        assert refusal("grant", "revoke", "--person", "nobody", "--yes") == "No live grant matches."
        assert lives(site, token)
        assert revoked(site) == []

    def test_net_id_of_two_people_must_be_resolved(
        self, refusal: Run, site: Site, library: Registered
    ) -> None:
        """If two people had the Net ID, nothing ends until the operator names one of them."""
        tokens = [login(site, library), login(site, library, "bob")]
        subs = sorted(subject(site, token) for token in tokens)
        with site.app.app_context(), db.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE \"grant\" SET net_id = 'alice'")
        said = refusal("grant", "revoke", "--person", "alice", "--yes")
        assert said == f"2 people had the Net ID alice: say which, {', '.join(subs)}."
        assert all(lives(site, token) for token in tokens)

    @pytest.mark.parametrize("junk", ["", "1", "zz" * 19, "00" * 18, "00" * 20, "nida_abc"])
    def test_text_that_is_no_grant_id_is_refused(self, refusal: Run, junk: str) -> None:
        """A text that cannot be a grant's id is refused."""
        said = refusal("grant", "revoke", "--grant", junk, "--yes")
        assert said == "This is not the id of a grant. `flask grant list` shows the ids."

    @pytest.mark.parametrize("command", [("list",), ("revoke", "--yes")])
    def test_unknown_client_is_named(self, refusal: Run, command: tuple[str, ...]) -> None:
        """The refusal names the client that does not exist."""
        assert refusal("grant", *command, "--client", "nobody") == "There is no client 'nobody'."


class TestCap:
    """NETID_GRANTS_PER_PERSON, and the clients whose users reach it."""

    @pytest.fixture
    def capped(self, make_site: Callable[..., Site]) -> Site:
        """An application that allows two live grants."""
        return make_site(NETID_GRANTS_PER_PERSON="2")

    def test_login_beyond_the_cap_ends_the_oldest(self, capped: Site) -> None:
        """A login beyond the cap ends only the oldest one; audit and log have it."""
        client = capped.register("a script", "--scope", "profile")
        tokens = []
        for _ in range(3):
            capped.clock.now += 1
            tokens.append(login(capped, client))
        assert [lives(capped, token) for token in tokens] == [False, True, True]
        (event,) = revoked(capped)
        assert (event["client_id"], event["reason"]) == (client.client_id, "cap: 1 ended")
        assert capped.log_lines()[-1]["event"] == "grant.revoked"

    def test_clients_at_the_cap_are_listed(self, capped: Site) -> None:
        """Clients with users at the cap are listed, those with the most users first."""
        script, nightly = capped.register("script"), capped.register("nightly", "--owner", "library")
        capped.register("quiet")
        for client, people in ((script, ("alice",)), (nightly, ("alice", "bob"))):
            for person in people:
                login(capped, client, person)
                login(capped, client, person)
        headline, *lines = capped.run("client", "list", "--offenders").splitlines()
        assert headline.split() == ["CLIENT", "ID", "NAME", "OWNER", "USERS", "AT", "THE", "LIMIT"]
        assert [line.split()[1:] for line in lines] == [["nightly", "library", "2"], ["script", "1"]]

    def test_clients_at_the_cap_as_json(self, capped: Site) -> None:
        """The JSON is a list of objects."""
        client = capped.register("script")
        login(capped, client)
        assert capped.run("client", "list", "--offenders", "--json").strip() == '{"items": [], "more": false}'
        login(capped, client)
        (listed,) = json.loads(capped.run("client", "list", "--offenders", "--json"))["items"]
        assert listed == {
            "client_id": client.client_id,
            "client_name": "script",
            "owner": None,
            "people_at_cap": 1,
        }
