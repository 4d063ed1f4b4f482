"""If the directory or the database is away, the answer is 503: no refusal, no token without a row."""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from directory import DirectoryUnavailable, InvalidCredentials, Person, Refusal
from tests.conftest import Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import drop_table, rows, ruin_database

CAUSE = "connection refused by ldap1.campus.example"


def is_unavailable(answer: TestResponse) -> bool:
    """Whether this is the constant answer to outages."""
    assert answer.get_json()["error"] == "temporarily_unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.data.endswith(b"\n")
    return answer.status_code == 503


@pytest.mark.parametrize("alarm", [False, True])
def test_directory_away_is_503(faked: Site, fake: FakeDirectory, alarm: bool) -> None:  # noqa: FBT001
    """An unavailable directory is temporarily_unavailable with Retry-After (RFC 9110, 15.6.4)."""
    fake.outcome = DirectoryUnavailable(CAUSE, alarm=alarm)
    answer = faked.ask_token(faked.register())
    assert is_unavailable(answer)
    assert CAUSE not in answer.text
    assert rows(faked, "grant") == []


def test_directory_away_is_no_refusal(faked: Site, fake: FakeDirectory) -> None:
    """An outage is logged with its cause, and never as a refused login."""
    fake.outcome = DirectoryUnavailable(CAUSE)
    faked.ask_token(faked.register())
    lines = faked.log_lines()
    assert [(line["event"], line["cause"]) for line in lines] == [("directory.unavailable", CAUSE)]
    (row,) = rows(faked, "audit_event")
    assert (row["event"], row["subject"], row["reason"]) == ("directory.unavailable", None, "unavailable")


def test_wrong_setting_is_an_alarm(faked: Site, fake: FakeDirectory) -> None:
    """A cause that only an operator can cure is logged as an error."""
    fake.outcome = DirectoryUnavailable(CAUSE, alarm=True)
    faked.ask_token(faked.register())
    assert [(line["level"], line["alarm"]) for line in faked.log_lines()] == [("error", True)]


def test_refusal_is_logged_with_its_reason(faked: Site, fake: FakeDirectory) -> None:
    """Only the log has the reason of a refusal, without the typed name."""
    fake.outcome = InvalidCredentials(Refusal.LOCKED, "too many failures")
    client = faked.register()
    answer = faked.ask_token(client, username="typed-name")
    (line,) = faked.log_lines()
    assert (line["event"], line["reason"], line["client_id"]) == (
        "grant.refused",
        "locked",
        client.client_id,
    )
    assert "locked" not in answer.text
    assert "typed-name" not in faked.log.getvalue()


def test_directory_that_is_back_is_used_at_once(faked: Site, fake: FakeDirectory) -> None:
    """After an outage the next login succeeds: nothing about the person has changed."""
    client = faked.register()
    fake.outcome = DirectoryUnavailable(CAUSE)
    assert is_unavailable(faked.ask_token(client))
    fake.outcome = ALICE
    assert faked.ask_token(client).status_code == 200


def test_issued_tokens_outlive_the_directory(faked: Site, fake: FakeDirectory) -> None:
    """A resource asks only the database, so tokens stay valid while the directory is away."""
    token = faked.token(faked.register("a program", "--scope", "profile"))
    fake.outcome = DirectoryUnavailable(CAUSE)
    assert faked.get("/api/me", token).get_json()["name"] == "Alice Baker"


def test_no_free_slot_is_503(make_site: Callable[..., Site], fake: FakeDirectory) -> None:
    """A login that finds every slot taken gets Retry-After, and costs no bind."""
    site = make_site(fake, NETID_THREADS="2")
    client = site.register()
    inner: list[TestResponse] = []

    def ask_again(net_id: str, password: str, **_: object) -> object:
        inner.append(site.app.test_client().post("/token", data=form, auth=client.basic))
        return ALICE

    form = {"grant_type": "password", "username": "bob", "password": "x"}
    fake.verify = ask_again  # type: ignore[method-assign, assignment]
    assert site.ask_token(client).status_code == 200
    assert is_unavailable(inner[0])


class TestDatabase:
    """The whole database is away, or some of its tables."""

    @pytest.mark.parametrize("table", ["client", "client_secret", "grant", "access_token", "audit_event"])
    def test_token_needs_every_table(self, site: Site, table: str) -> None:
        """A token that cannot be stored together with its audit row is not issued: 503."""
        client = site.register()
        drop_table(site, table)
        answer = site.ask_token(client)
        assert is_unavailable(answer)
        assert table not in answer.text
        assert [line["event"] for line in site.log_lines()] == ["database.unavailable"]

    @pytest.mark.parametrize("gone", ["access_token", "refresh_token", "audit_event"])
    def test_issuing_is_one_transaction(self, site: Site, gone: str) -> None:
        """If one row cannot be stored, no row is."""
        client = site.register("a program", "--grant", "refresh_token")
        drop_table(site, gone)
        assert is_unavailable(site.ask_token(client))
        left = {"grant", "access_token", "refresh_token", "audit_event"} - {gone}
        assert [rows(site, table) for table in left] == [[], [], []]

    def test_ruined_database_is_503(self, site: Site) -> None:
        """A file that is no database is an outage for tokens and resources, and never a refusal."""
        client = site.register()
        token = site.token(client)
        ruin_database(site)
        assert is_unavailable(site.ask_token(client))
        assert is_unavailable(site.ask_token(client, password="wrong"))
        assert is_unavailable(site.get("/api/me", token))

    def test_resource_needs_the_token_table(self, site: Site) -> None:
        """If a resource cannot look a token up, the answer is 503, not 401."""
        token = site.token(site.register())
        drop_table(site, "access_token")
        assert is_unavailable(site.get("/api/me", token))
        assert [line["event"] for line in site.log_lines()][-1] == "database.unavailable"

    def test_database_is_asked_before_the_directory(self, faked: Site, fake: FakeDirectory) -> None:
        """Without the database no client can be read, so no password is tried."""
        client = faked.register()
        ruin_database(faked)
        assert is_unavailable(faked.ask_token(client))
        assert fake.asked == []


def test_log_that_cannot_be_written_stops_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk loses log lines, but no answers; the audit row is in the database."""

    def full(text: str) -> int:
        raise OSError(28, "No space left on device")

    client = site.register()
    monkeypatch.setattr(site.log, "write", full)
    assert site.ask_token(client).status_code == 200
    assert site.ask_token(client, password="wrong").status_code == 400
    assert len(rows(site, "audit_event")) == 2


def test_client_disabled_during_its_login_is_refused(make_site: Callable[..., Site]) -> None:
    """A client that is disabled while a password is checked gets invalid_client (RFC 6749, 5.2)."""
    disable: list[Callable[[], object]] = []

    class Meanwhile(FakeDirectory):
        def verify(self, net_id: str, password: str, *, groups: bool = False) -> Person:
            disable[0]()
            return super().verify(net_id, password, groups=groups)

    site = make_site(Meanwhile())
    client = site.register()
    disable.append(lambda: site.run("client", "disable", "--yes", client.client_id))
    answer = site.ask_token(client)
    assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
