"""The password grant over the embedded directory: its answers, and the order of its checks."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from werkzeug.test import TestResponse

from models import moment_prefix
from oauth import ACCESS, REFRESH, key_of
from tests.conftest import Registered, Site
from tests.fakes import FakeDirectory
from tests.faults import rows

ALICE = "14aa2a51-03f1-562a-8307-e12ff2455495"
WRONG = {"error": "invalid_grant", "error_description": "The Net ID or the password is wrong."}


def whole(answer: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of an answer."""
    return answer.status_code, sorted(answer.headers), answer.data


class TestSuccess:
    """RFC 6749, 5.1."""

    def test_answer_has_the_members_of_the_rfc(self, site: Site, client: Registered) -> None:
        """A right password answers with token, type, lifetime and scope (RFC 6749, 5.1)."""
        answer = site.ask_token(client)
        body = answer.get_json()
        assert answer.status_code == 200
        assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
        assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "profile email")
        assert key_of(ACCESS, body["access_token"]) is not None

    def test_refresh_token_only_where_the_client_may_refresh(self, site: Site) -> None:
        """A refresh token is issued to a client that is registered to use it (RFC 6749, 1.5)."""
        refreshing = site.register("refreshing", "--grant", "refresh_token")
        body = site.ask_token(refreshing).get_json()
        assert key_of(REFRESH, body["refresh_token"]) is not None
        assert body["scope"] == "default"

    def test_answer_is_json_that_may_not_be_cached(self, site: Site, client: Registered) -> None:
        """The answer is JSON with no-store and no-cache, and ends in a newline (RFC 6749, 5.1)."""
        answer = site.ask_token(client)
        assert answer.headers.getlist("Content-Type") == ["application/json"]
        assert answer.headers.getlist("Cache-Control") == ["no-store"]
        assert answer.headers.getlist("Pragma") == ["no-cache"]
        assert answer.data.endswith(b"}\n")

    def test_short_alias_is_the_same_endpoint(self, site: Site, client: Registered) -> None:
        """/token answers as /oauth/token does."""
        form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
        answer = site.http.post("/token", data=form, auth=client.basic)
        assert answer.status_code == 200
        assert answer.get_json()["scope"] == "profile email"

    def test_lifetime_is_the_setting(self, make_site: Callable[..., Site]) -> None:
        """expires_in is the lifetime that the operator set (RFC 6749, 5.1)."""
        site = make_site(NETID_ACCESS_TOKEN_TTL="77")
        assert site.ask_token(site.register()).get_json()["expires_in"] == 77

    def test_grant_belongs_to_the_stable_id(self, site: Site, client: Registered) -> None:
        """Each spelling of a login name gives a grant of the same person."""
        for typed in ("alice", "ALICE", " alice "):
            assert site.ask_token(client, username=typed).status_code == 200
        assert {(row["subject"], row["net_id"]) for row in rows(site, "grant")} == {(ALICE, "alice")}

    def test_password_beyond_ascii_is_accepted(self, site: Site, client: Registered) -> None:
        """A password is UTF-8 in the form, and reaches the directory unchanged (RFC 6749, appendix B)."""
        assert site.ask_token(client, username="zoe", password="zoë-pässwörd").status_code == 200

    def test_every_token_is_new(self, site: Site, client: Registered) -> None:
        """The same request twice gives two tokens (RFC 6749, 10.10)."""
        assert site.token(client) != site.token(client)


class TestScope:
    """RFC 6749, 3.3."""

    @pytest.mark.parametrize(
        ("registered", "asked", "granted"),
        [
            (["--scope", "profile email"], {}, "profile email"),
            (["--scope", "profile email"], {"scope": ""}, "profile email"),
            (["--scope", "profile email", "--default-scope", "email"], {}, "email"),
            (["--scope", "profile email", "--default-scope", "email"], {"scope": "profile"}, "profile"),
            (["--scope", "profile email"], {"scope": "email profile email"}, "email profile"),
            ([], {}, "default"),
            ([], {"scope": "default"}, "default"),
        ],
    )
    def test_scope_is_granted_by_request_and_registration(
        self, faked: Site, registered: list[str], asked: dict[str, str], granted: str
    ) -> None:
        """The answer names the granted scope: the requested, else the default, the list, `default` (3.3)."""
        answer = faked.ask_token(faked.register("a program", *registered), **asked)
        assert answer.get_json()["scope"] == granted
        assert rows(faked, "access_token")[0]["scope"] == granted

    @pytest.mark.parametrize(
        ("registered", "asked"),
        [
            (["--scope", "profile"], "email"),
            (["--scope", "profile"], "profile email"),
            (["--scope", "profile"], "default"),
            (["--scope", "profile"], "PROFILE"),
            (["--scope", "profile"], "profile\n"),
            (["--scope", "profile"], " "),
            (["--scope", "profile"], 'pro"file'),
            ([], "profile"),
        ],
    )
    def test_scope_beyond_the_registration_is_invalid_scope(
        self, faked: Site, fake: FakeDirectory, registered: list[str], asked: str
    ) -> None:
        """A scope that is malformed or not registered is refused before the directory is asked (5.2)."""
        answer = faked.ask_token(faked.register("a program", *registered), scope=asked)
        assert (answer.status_code, answer.get_json()["error"]) == (400, "invalid_scope")
        assert fake.asked == []


class TestRefusedPerson:
    """RFC 6749, 5.2: invalid_grant."""

    def test_wrong_password_is_invalid_grant(self, site: Site, client: Registered) -> None:
        """A wrong password is an invalid_grant (RFC 6749, 5.2)."""
        answer = site.ask_token(client, password="bob-password")
        assert (answer.status_code, answer.get_json()) == (400, WRONG)
        assert rows(site, "grant") == rows(site, "access_token") == []

    @pytest.mark.parametrize(
        "changes",
        [
            {"username": "nobody"},
            {"password": ""},
            {"username": "nobody", "password": ""},
            {"username": "sam", "password": "sam-password"},
            {"username": "sam", "password": "wrong"},
            {"password": "ALICE-PASSWORD"},
            {"password": "alice-password "},
            {"password": "x" * 1025},
            {"username": "*"},
            {"username": "ali*"},
            {"username": "alice)(uid=*"},
            {"username": "al\\69ce"},
            {"username": "alice,ou=people,dc=campus,dc=example"},
            {"username": "x" * 5000},
            {"username": "a\nlice"},
        ],
        ids=lambda changes: "&".join(f"{name}={value[:20]!r}" for name, value in changes.items()),
    )
    def test_every_refusal_is_the_same_answer(
        self, site: Site, client: Registered, changes: Mapping[str, str]
    ) -> None:
        """Unknown, disabled, empty, long or odd: byte for byte the answer to a wrong password (5.2)."""
        assert whole(site.ask_token(client, **changes)) == whole(site.ask_token(client, password="wrong"))

    @pytest.mark.parametrize("text", ["alice-password", "nobody-at-all"])
    def test_answer_repeats_nothing_that_was_typed(self, site: Site, client: Registered, text: str) -> None:
        """A refusal repeats nothing of the request (RFC 6749, 10.7)."""
        answer = site.ask_token(client, username=text, password=text)
        assert text not in answer.text + str(answer.headers)


class TestOrder:
    """Client, grant and scope are checked before the directory is asked."""

    def test_directory_is_asked_once_for_a_good_request(self, faked: Site, fake: FakeDirectory) -> None:
        """The name and the password reach the directory as typed, once (RFC 6749, 4.3.2)."""
        faked.ask_token(faked.register(), username=" Alice", password=" p w ")
        assert fake.bound == [(" Alice", " p w ")]

    def test_client_that_is_not_registered_for_the_grant_is_refused(
        self, faked: Site, fake: FakeDirectory
    ) -> None:
        """A client that is not registered for the grant is unauthorized_client (RFC 6749, 5.2)."""
        answer = faked.ask_token(faked.register(grant="refresh_token"))
        assert (answer.status_code, answer.get_json()["error"]) == (400, "unauthorized_client")
        assert fake.asked == []

    def test_new_client_has_no_grant_by_default(self, faked: Site, fake: FakeDirectory) -> None:
        """A client that was registered without grants may use none (RFC 6749, 2)."""
        made = faked.app.test_cli_runner().invoke(args=["client", "create", "bare", "--json"])
        assert '"grant_types": []' in made.stdout

    @pytest.mark.parametrize(
        "client",
        [None, Registered("no-such-client", "secret"), Registered("", "secret"), Registered("", "")],
        ids=["none", "unknown", "empty id", "empty"],
    )
    def test_client_that_proves_nothing_is_refused_before_the_directory(
        self, faked: Site, fake: FakeDirectory, client: Registered | None
    ) -> None:
        """No password is checked for a client that proves nothing (RFC 6749, 3.2.1)."""
        answer = faked.ask_token(client)
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
        assert fake.asked == []

    @pytest.mark.parametrize("parameter", ["grant_type", "username", "password"])
    def test_missing_parameter_is_named(self, faked: Site, fake: FakeDirectory, parameter: str) -> None:
        """A missing parameter is invalid_request, by name (RFC 6749, 5.2)."""
        form = {"grant_type": "password", "username": "alice", "password": "alice-password"}
        del form[parameter]
        answer = faked.http.post("/oauth/token", data=form, auth=faked.register().basic)
        assert answer.status_code == 400
        sentence = f"The parameter {parameter} is missing."
        assert answer.get_json() == {"error": "invalid_request", "error_description": sentence}
        assert fake.asked == []

    def test_command_line_that_the_shell_cut_is_refused(self, site: Site, client: Registered) -> None:
        """If an unquoted & ended the command, the answer says that the password is missing."""
        form = {"grant_type": "password", "username": "alice"}
        answer = site.http.post("/token", data=form, auth=client.basic)
        assert answer.get_json()["error_description"] == "The parameter password is missing."

    @pytest.mark.parametrize(
        "grant_type",
        ["Password", "urn:example:code", "implicit", "password refresh_token", "<b>", "ü", "%"],
    )
    def test_unknown_grant_type_is_refused(self, faked: Site, fake: FakeDirectory, grant_type: str) -> None:
        """A grant type that is not offered is unsupported_grant_type, and not repeated (RFC 6749, 5.2)."""
        answer = faked.ask_token(faked.register(), grant_type=grant_type)
        sentence = "This server does not offer this grant type."
        assert answer.status_code == 400
        assert answer.get_json() == {"error": "unsupported_grant_type", "error_description": sentence}
        assert fake.asked == []


class TestRefusedClient:
    """RFC 6749, 5.2: invalid_client."""

    def test_wrong_secret_is_challenged(self, site: Site, client: Registered) -> None:
        """A wrong secret is a 401 that names the Basic scheme and its realm (RFC 6749, 5.2)."""
        answer = site.ask_token(Registered(client.client_id, "wrong"))
        assert (answer.status_code, answer.get_json()["error"]) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="NetID OAuth", charset="UTF-8"'
        assert answer.headers["Cache-Control"] == "no-store"

    def test_every_cause_is_the_same_answer(self, site: Site) -> None:
        """Unknown, wrong, disabled, ended, wrong method: byte for byte the same 401 (RFC 6749, 5.2)."""
        wrong = Registered(site.register().client_id, "wrong")
        disabled, ended, posting = (
            site.register(),
            site.register(),
            site.register("x", "--auth-method", "client_secret_post", "--strict-auth-method"),
        )
        public = site.register("p", "--auth-method", "none", "--allow-public-password")
        site.run("client", "disable", "--yes", disabled.client_id)
        site.run("client", "rotate-secret", ended.client_id, "--expires", "now")
        refused = [
            wrong,
            Registered("unknown", "wrong"),
            disabled,
            ended,
            posting,
            Registered(public.client_id, "x"),
        ]
        answers = {str(whole(site.ask_token(each))) for each in [*refused, None]}
        assert len(answers) == 1


def test_rows_are_ordered_by_their_issue(faked: Site, refreshing: Registered) -> None:
    """Keys begin with the time of the grant and of the ends of its tokens, more exactly than in seconds."""
    faked.clock.now += 0.7
    faked.ask_token(refreshing)
    tables = ("grant", "access_token", "refresh_token")
    grant, access, refresh = (cast("Any", rows(faked, table)[0]) for table in tables)
    assert grant["id"][:6] == moment_prefix(grant["auth_time"] + 0.7)
    for token in (access, refresh):
        assert token["id"][:6] == moment_prefix(token["expires_at"] + 0.7)
