"""The password grant with an app password in the place of the password (RFC 6749, 4.3)."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from werkzeug.test import TestResponse

from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from login.app_passwords import new_app_password
from tests.conftest import NOON, Registered, Site
from tests.fakes import ALICE, FakeDirectory
from tests.faults import rows
from tests.oauth.answers import INVALID_GRANT, INVALID_SCOPE, OK, UNAVAILABLE, status_and_error
from tests.oauth.app_passwords import DAY, ID, make_app_password, stored_app_password

EVENTS = ["app_password.created", "token.issued"]


def plain(answer: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, body and headers of an answer."""
    return answer.status_code, answer.data, sorted(answer.headers)


def events(site: Site) -> list[tuple[object, object]]:
    """The audit's events with their reasons, in their order."""
    return [(row["event"], row["reason"]) for row in rows(site, "audit_event")]


class TestSuccess:
    """An unchanged script moves by one changed value."""

    def test_answer_is_that_of_a_password(self, faked: Site, refreshing: Registered) -> None:
        """The answer has the members of any token answer (RFC 6749, 5.1)."""
        usual = faked.ask_token(refreshing).get_json()
        value = make_app_password(faked, refreshing)
        answer = faked.ask_token(refreshing, password=value).get_json()
        assert answer.keys() == usual.keys()
        assert (answer["scope"], answer["expires_in"]) == (usual["scope"], usual["expires_in"])
        assert faked.get("/api/me", answer["access_token"]).get_json()["net_id"] == "alice"

    def test_directory_is_asked_by_the_stable_id_alone(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """No name is searched, no password is bound, and five minutes cost one look-up."""
        value = make_app_password(faked, refreshing)
        for _ in range(3):
            assert status_and_error(faked.ask_token(refreshing, password=value)) == OK
        assert (fake.sought, fake.asked, fake.bound) == ([ALICE.id], [], [])

    def test_grant_and_audit_name_the_app_password(self, faked: Site, refreshing: Registered) -> None:
        """What the app password gave can be found by its id, and its last use is kept."""
        value = make_app_password(faked, refreshing)
        faked.clock.now += 60
        faked.ask_token(refreshing, password=value)
        (grant,) = rows(faked, "grant")
        assert (grant["app_password_id"], grant["origin"], grant["subject"]) == (ID, "password", ALICE.id)
        issued = rows(faked, "audit_event")[-1]
        assert (issued["event"], issued["app_password_id"]) == ("token.issued", ID.hex())
        assert stored_app_password(faked).last_used_at == NOON + 60

    def test_private_user_is_told_nothing_of(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """A user who asked for privacy has no login name in the grant."""
        fake.outcome = replace(ALICE, private=True)
        value = make_app_password(faked, refreshing, net_id=None)
        assert status_and_error(faked.ask_token(refreshing, password=value)) == OK
        (grant,) = rows(faked, "grant")
        assert (grant["net_id"], grant["private"]) == (None, 1)

    def test_value_is_written_nowhere(self, faked: Site, refreshing: Registered) -> None:
        """Neither the log nor a table has the value, right or mistyped or as a name."""
        value = make_app_password(faked, refreshing)
        for password in (value, value[:-1], value.upper(), f" {value}"):
            faked.ask_token(refreshing, password=password)
            faked.ask_token(refreshing, username=password, password="a password")
        secret = value[5:40].lower()
        assert secret not in faked.log.getvalue().lower()
        for table in ("audit_event", "login_failure", "refused_password", "grant", "app_password"):
            assert secret not in str(rows(faked, table)).lower()


class TestScope:
    """A token has the scopes that the client and the app password have in common (RFC 6749, 3.3)."""

    @pytest.mark.parametrize(
        ("own", "asked", "granted"),
        [
            ("", {}, "profile email"),
            ("profile email", {}, "profile email"),
            ("email", {}, "email"),
            ("email other", {"scope": "profile email"}, "email"),
            ("profile email", {"scope": "profile"}, "profile"),
        ],
    )
    def test_scope_is_the_part_in_common(
        self, faked: Site, refreshing: Registered, own: str, asked: dict[str, str], granted: str
    ) -> None:
        """The answer names the scope, so that the program sees what is missing."""
        value = make_app_password(faked, refreshing, scope=own)
        answer = faked.ask_token(refreshing, password=value, **asked).get_json()
        assert answer["scope"] == granted
        assert faked.refresh(refreshing, answer["refresh_token"]).get_json()["scope"] == granted

    def test_nothing_in_common_is_invalid_scope(self, faked: Site, refreshing: Registered) -> None:
        """A right app password without any of the scope gives no token."""
        value = make_app_password(faked, refreshing, scope="email")
        answer = faked.ask_token(refreshing, password=value, scope="profile")
        assert status_and_error(answer) == INVALID_SCOPE
        assert rows(faked, "grant") == []

    def test_scope_beyond_the_client_is_refused_first(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """A scope that the client may not have is refused whatever the app password says."""
        value = make_app_password(faked, refreshing, scope="groups")
        assert status_and_error(faked.ask_token(refreshing, password=value, scope="groups")) == INVALID_SCOPE
        assert fake.sought == []


class TestRefusals:
    """Each refusal has the answer to a wrong password, byte for byte (RFC 6749, 5.2)."""

    @pytest.mark.parametrize(
        ("columns", "reason"),
        [
            ({"client_id": "another"}, "wrong_password"),
            ({"expires_at": NOON}, "app_password_ended"),
            ({"ended_at": NOON - 1}, "app_password_ended"),
            ({"created_at": NOON - 90 * DAY}, "app_password_ended"),
            ({"created_at": NOON - 200 * DAY, "last_used_at": NOON - 90 * DAY}, "app_password_ended"),
            ({"networks": ["198.51.100.0/24"]}, "not_from_here"),
            ({"subject": "another"}, "wrong_password"),
        ],
    )
    def test_app_password_that_does_not_fit(
        self,
        faked: Site,
        fake: FakeDirectory,
        refreshing: Registered,
        columns: dict[str, object],
        reason: str,
    ) -> None:
        """The client cannot tell why; the audit has the reason, the owner and the app password."""
        value = make_app_password(faked, refreshing, **columns)
        answer = faked.ask_token(
            refreshing, password=value, username="not-alice" if "subject" in columns else "alice"
        )
        assert plain(answer) == plain(faked.ask_token(refreshing, password=new_app_password()))
        assert status_and_error(answer) == INVALID_GRANT
        (line, _) = [each for each in faked.log_lines() if each["event"] == "grant.refused"]
        assert (line["reason"], line["subject"]) == (reason, columns.get("subject", ALICE.id))
        assert fake.bound == []
        assert rows(faked, "grant") == []

    def test_app_password_as_the_name_beside_a_right_one_reaches_no_directory(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """The name is not the user's, and the directory is not asked whose it is."""
        value = make_app_password(faked, refreshing)
        answer = faked.ask_token(refreshing, username=new_app_password(), password=value)
        assert status_and_error(answer) == INVALID_GRANT
        assert (fake.asked, fake.bound) == ([], [])

    @pytest.mark.parametrize(
        "typed",
        [
            str.upper,
            "\t{}".format,
            "{} ".format,
            "'{}'".format,
            "\ufeff{}".format,
            lambda value: value[:-1],
            lambda value: value[:12] + value[13:12:-1] + value[14:],
            lambda value: value + "x" * 15_000,
            lambda _: "nidp_",
            lambda _: " NIDP_whatever",
        ],
    )
    def test_mistyped_one_reaches_no_directory(
        self,
        faked: Site,
        fake: FakeDirectory,
        refreshing: Registered,
        typed: Callable[[str], str],
    ) -> None:
        """What looks like an app password is one: the directory never gets it."""
        answer = faked.ask_token(refreshing, password=typed(make_app_password(faked, refreshing)))
        assert status_and_error(answer) == INVALID_GRANT
        assert (fake.sought, fake.asked, fake.bound) == ([], [], [])
        assert rows(faked, "refused_password") == []

    def test_one_of_16_kb_is_too_large(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """A body beyond 16 KiB is refused before anything is read of it."""
        answer = faked.ask_token(refreshing, password="nidp_" + "x" * 16_384)
        assert answer.status_code == 413
        assert fake.asked == []

    def test_detailed_errors_tell_the_reason(self, faked: Site, fake: FakeDirectory) -> None:
        """A client that is registered for reasons gets that of an app password too."""
        client = faked.register("a program", "--told-reasons")
        value = make_app_password(faked, client, expires_at=NOON)
        answer = faked.ask_token(client, password=value).get_json()
        assert (answer["error"], answer["reason"]) == ("invalid_grant", "app_password_ended")
        assert fake.sought == []

    def test_rule_about_people_applies(self, make_site: Callable[..., Site], fake: FakeDirectory) -> None:
        """A rule that excludes the user excludes their app passwords."""
        site = make_site(fake, NETID_REFUSE_MEMBERS="affiliation:staff")
        client = site.register()
        value = make_app_password(site, client)
        assert status_and_error(site.ask_token(client, password=value)) == OK
        site.clock.now += 300
        fake.outcome = replace(ALICE, affiliations=("staff",))
        assert status_and_error(site.ask_token(client, password=value)) == INVALID_GRANT

    def test_network_of_the_client_applies(self, faked: Site, fake: FakeDirectory) -> None:
        """An app password opens no network that the client may not call from."""
        client = faked.register("a program", "--network", "198.51.100.0/24")
        value = make_app_password(faked, client)
        assert status_and_error(faked.ask_token(client, password=value)) == INVALID_GRANT
        assert fake.sought == []


def test_audit_of_a_refusal_names_the_app_password(faked: Site, refreshing: Registered) -> None:
    """Operators see which app password a forgotten program goes on sending."""
    value = make_app_password(faked, refreshing, expires_at=NOON)
    faked.ask_token(refreshing, password=value)
    faked.clock.now += 120
    faked.ask_token(refreshing)
    (refused,) = [row for row in rows(faked, "audit_event") if row["event"] == "grant.refused"]
    assert (refused["app_password_id"], refused["subject"]) == (ID.hex(), ALICE.id)
    assert (refused["reason"], refused["grant_type"]) == ("app_password_ended", "password")


class TestPerson:
    """The user must still be active."""

    def test_directory_away_is_503(self, faked: Site, fake: FakeDirectory, refreshing: Registered) -> None:
        """While nothing can be said, nothing is refused; within five minutes of an answer, that stands."""
        value = make_app_password(faked, refreshing)
        fake.outcome = DirectoryUnavailable("away")
        answer = faked.ask_token(refreshing, password=value)
        assert status_and_error(answer) == UNAVAILABLE
        assert answer.headers["Retry-After"]
        assert stored_app_password(faked).ended_at is None
        fake.outcome = ALICE
        assert status_and_error(faked.ask_token(refreshing, password=value)) == OK
        fake.outcome = DirectoryUnavailable("away")
        assert status_and_error(faked.ask_token(refreshing, password=value)) == OK
        faked.clock.now += 300
        assert status_and_error(faked.ask_token(refreshing, password=value)) == UNAVAILABLE

    def test_disabled_account_ends_it_with_its_tokens(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """It ends with the account, and so does every token that it gave."""
        value = make_app_password(faked, refreshing)
        tokens = faked.ask_token(refreshing, password=value).get_json()
        fake.outcome = InvalidCredentials(Refusal.DISABLED)
        faked.clock.now += 300
        assert status_and_error(faked.ask_token(refreshing, password=value)) == INVALID_GRANT
        assert stored_app_password(faked).end_reason == "disabled"
        fake.outcome = ALICE
        assert faked.get("/api/me", tokens["access_token"]).status_code == 401
        assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
        assert status_and_error(faked.ask_token(refreshing, password=value)) == INVALID_GRANT
        ended = [row for row in rows(faked, "audit_event") if row["event"] == "app_password.ended"]
        assert [(row["app_password_id"], row["subject"]) for row in ended] == [(ID.hex(), ALICE.id)]

    @pytest.mark.parametrize(
        "reason", [Refusal.LOCKED, Refusal.EXPIRED, Refusal.MUST_CHANGE, Refusal.NOT_NOW]
    )
    def test_other_state_of_the_account_ends_nothing(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered, reason: Refusal
    ) -> None:
        """A lock refuses the login; anyone can lock another's account, so the app password stays."""
        value = make_app_password(faked, refreshing)
        fake.outcome = InvalidCredentials(reason)
        assert status_and_error(faked.ask_token(refreshing, password=value)) == INVALID_GRANT
        fake.outcome = ALICE
        assert status_and_error(faked.ask_token(refreshing, password=value)) == OK

    def test_user_who_is_gone_loses_it_once_that_is_certain(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """The word of one server ends nothing; two servers, or a day, do."""
        value = make_app_password(faked, refreshing)
        gone = InvalidCredentials(Refusal.UNKNOWN_PERSON)
        gone.servers = ("ldap://a",)
        fake.outcome = gone
        assert status_and_error(faked.ask_token(refreshing, password=value)) == INVALID_GRANT
        assert stored_app_password(faked).ended_at is None
        gone.servers = ("ldap://a", "ldap://b")
        assert status_and_error(faked.ask_token(refreshing, password=value)) == INVALID_GRANT
        assert stored_app_password(faked).end_reason == "unknown_person"

    def test_user_who_is_found_again_was_not_gone(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """A login that finds the user clears an earlier miss, so that two slips are not one loss."""
        value = make_app_password(faked, refreshing)
        faked.ask_token(refreshing, password=value)
        gone = InvalidCredentials(Refusal.UNKNOWN_PERSON)
        gone.servers = ("ldap://a",)
        for _ in range(2):
            faked.clock.now += 2 * DAY
            fake.outcome = gone
            assert status_and_error(faked.ask_token(refreshing, password=value)) == INVALID_GRANT
            assert len(rows(faked, "missing_person")) == 1
            fake.outcome = ALICE
            assert status_and_error(faked.ask_token(refreshing, password=value)) == OK
            assert rows(faked, "missing_person") == []

    def test_cached_user_does_not_clear_a_miss(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """What this process read minutes ago says nothing against a process that asked just now."""
        value = make_app_password(faked, refreshing)
        tokens = faked.ask_token(refreshing, password=value).get_json()
        gone = InvalidCredentials(Refusal.UNKNOWN_PERSON)
        gone.servers = ("ldap://a",)
        fake.outcome = gone
        assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
        assert status_and_error(faked.ask_token(refreshing, password=value)) == INVALID_GRANT
        assert len(rows(faked, "missing_person")) == 1


class TestPasswordChange:
    """NETID_APP_PASSWORD_SURVIVES_PASSWORD_CHANGE, at a login and at a refresh."""

    @pytest.mark.parametrize("ask", ["login", "refresh"])
    def test_survives_by_default(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered, ask: str
    ) -> None:
        """A new Net ID password ends neither the app password nor what it gave."""
        value = make_app_password(faked, refreshing)
        tokens = faked.ask_token(refreshing, password=value).get_json()
        fake.outcome = replace(ALICE, password_changed_at=NOON)
        faked.clock.now += 300
        answer = (
            faked.ask_token(refreshing, password=value)
            if ask == "login"
            else faked.refresh(refreshing, tokens["refresh_token"])
        )
        assert status_and_error(answer) == OK

    @pytest.mark.parametrize("ask", ["login", "refresh"])
    def test_ends_if_the_operator_says_so(
        self, make_site: Callable[..., Site], fake: FakeDirectory, ask: str
    ) -> None:
        """With the setting off, the first login or refresh after the change ends all of it."""
        site = make_site(fake, NETID_APP_PASSWORD_SURVIVES_PASSWORD_CHANGE="false")
        client = site.register("a program", "--grant", "refresh_token", "--scope", "profile")
        value = make_app_password(site, client)
        tokens = site.ask_token(client, password=value).get_json()
        fake.outcome = replace(ALICE, password_changed_at=NOON)
        site.clock.now += 300
        if ask == "login":
            assert status_and_error(site.ask_token(client, password=value)) == INVALID_GRANT
        assert status_and_error(site.refresh(client, tokens["refresh_token"])) == INVALID_GRANT
        assert site.get("/api/me", tokens["access_token"]).status_code == 401
        assert stored_app_password(site).end_reason == "password_changed"
        assert status_and_error(site.ask_token(client, password=value)) == INVALID_GRANT

    def test_families_of_net_id_passwords_end_as_before(
        self, faked: Site, fake: FakeDirectory, refreshing: Registered
    ) -> None:
        """Beside an app password, a grant of the Net ID password still ends with that password."""
        tokens = faked.ask_token(refreshing).get_json()
        fake.outcome = replace(ALICE, password_changed_at=NOON)
        assert status_and_error(faked.refresh(refreshing, tokens["refresh_token"])) == INVALID_GRANT
