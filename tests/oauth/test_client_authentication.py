"""Client authentication: one method, one answer to every failure, credentials read as programs send them."""

import sqlite3
from base64 import b64encode
from collections.abc import Callable
from unittest.mock import patch
from urllib.parse import quote_plus

import pytest
from werkzeug.test import TestResponse

from admin import Services
from cli import services_of
from models import ClientStore
from tests.conftest import Registered, Site
from tests.fakes import OPERATOR
from tests.faults import database_file, rows

FORM = {"grant_type": "password", "username": "alice", "password": "alice-password"}
HOUR = 3600

Present = Callable[..., TestResponse]


@pytest.fixture
def present(faked: Site) -> Present:
    """Ask for a token with this Authorization header and these parameters beside the usual ones."""

    def ask(header: str | bytes | None = None, **parameters: str) -> TestResponse:
        environ = {}
        if header is not None:
            environ["HTTP_AUTHORIZATION"] = header if isinstance(header, str) else header.decode("latin-1")
        return faked.http.post("/oauth/token", data={**FORM, **parameters}, environ_overrides=environ)

    return ask


def basic(client_id: str, secret: str, encoding: str = "utf-8") -> str:
    """A Basic header of credentials as they stand (RFC 7617, 2)."""
    return "Basic " + b64encode(f"{client_id}:{secret}".encode(encoding)).decode()


def post_client(site: Site) -> Registered:
    """A client that is registered to send its secret in the body."""
    return site.register("posting", "--auth-method", "client_secret_post")


def public_client(site: Site) -> Registered:
    """A client without a secret."""
    return site.register("public", "--auth-method", "none", "--allow-public-password")


def give_secret(site: Site, client: Registered, secret: str) -> Registered:
    """The client with a secret that this server would not make, such as an imported one."""
    services: Services = services_of(site.app)
    key_id, digest = services.clients.hasher.digest(secret)
    connection = sqlite3.connect(database_file(site))
    connection.execute(
        "UPDATE client_secret SET key_id = ?, digest = ? WHERE client_id = ?",
        (key_id, digest, client.client_id),
    )
    connection.commit()
    connection.close()
    return Registered(client.client_id, secret)


def is_refused(answer: TestResponse) -> bool:
    """Whether this is the one answer to every failed client (RFC 6749, 5.2)."""
    assert answer.get_json() == {
        "error": "invalid_client",
        "error_description": "Client authentication failed.",
    }
    assert answer.headers["WWW-Authenticate"].startswith("Basic realm=")
    return answer.status_code == 401


def is_two_methods(answer: TestResponse) -> bool:
    """Whether this refuses two methods at once (RFC 6749, 2.3)."""
    sentence = "The client may authenticate in one way only."
    assert answer.get_json() == {"error": "invalid_request", "error_description": sentence}
    return answer.status_code == 400


class TestBasic:
    """RFC 6749, 2.3.1 and RFC 7617."""

    def test_raw_credentials_are_accepted(self, faked: Site, present: Present) -> None:
        """A client may send id and secret raw, as curl does (RFC 7617, 2)."""
        client = faked.register()
        assert present(basic(*client.basic)).status_code == 200

    def test_form_encoded_credentials_are_accepted(self, faked: Site, present: Present) -> None:
        """A client may form-encode id and secret first, as RFC 6749, 2.3.1 says."""
        client = faked.register()
        encoded = "".join(f"%{octet:02x}" for octet in client.secret.encode())
        assert present(basic(client.client_id, encoded)).status_code == 200

    @pytest.mark.parametrize(
        "secret",
        ["a+b", "100%", "%zz", "a%2Bb", "a b", "pass:word", "ünïcödé", "%", "+", "a&b=c", "%ff", "☃" * 80],
    )
    def test_secret_of_any_characters_is_accepted_raw_and_encoded(
        self, faked: Site, present: Present, secret: str
    ) -> None:
        """A secret from another server works raw and form-encoded, whatever its characters (2.3.1)."""
        client = give_secret(faked, faked.register(), secret)
        assert present(basic(client.client_id, secret)).status_code == 200
        assert present(basic(client.client_id, quote_plus(secret))).status_code == 200
        assert is_refused(present(basic(client.client_id, secret + "x")))

    @pytest.mark.parametrize("scheme", ["basic", "BASIC", "bAsIc"])
    def test_scheme_is_compared_without_case(self, faked: Site, present: Present, scheme: str) -> None:
        """The scheme is compared without case (RFC 9110, 11.1)."""
        client = faked.register()
        assert present(basic(*client.basic).replace("Basic", scheme)).status_code == 200

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Basic",
            "Basic ",
            "Basic !!!!",
            "Basic YWJj",
            "Basic YTpi,Basic YTpi",
            "Basic " + b64encode(b"a\0b:c").decode(),
            "Basic " + b64encode(b"a:c\0").decode(),
            "Basic " + b64encode(b"a:%00").decode(),
            "Basic " + b64encode(b"\xff\xfe:\xff").decode(),
            "Basic " + b64encode("ü:ü".encode("latin-1")).decode(),
            "Basic " + b64encode(b"%ff:%ff").decode(),
            "Basic " + b64encode(b":").decode(),
            "Basic ü",
            b"Basic \xff\xfe",
            b"\xc3\x28 \xff",
            "Bearer abc",
            "Digest username=a",
            "YTpi",
            "Basic\tYTpi",
        ],
    )
    def test_malformed_header_is_a_failed_authentication(self, present: Present, header: str | bytes) -> None:
        """Bad Base64, no colon, NUL, not UTF-8, another scheme: the 401 of a wrong secret (5.2)."""
        assert is_refused(present(header))

    def test_malformed_header_beside_a_right_secret_is_refused(self, faked: Site, present: Present) -> None:
        """Credentials in the form do not replace a broken header (RFC 6749, 2.3)."""
        client = post_client(faked)
        parameters = {"client_id": client.client_id, "client_secret": client.secret}
        assert is_refused(present("Basic !!!!", **parameters))

    @pytest.mark.parametrize("credentials", [b"a\0b:c", b"a%00b:c", b"\0:c"])
    def test_nul_never_reaches_the_database(self, present: Present, credentials: bytes) -> None:
        """A NUL in an id, encoded or not, is not looked up as it stands: some databases fail on it."""
        with patch.object(ClientStore, "get", return_value=None) as get:
            assert is_refused(present("Basic " + b64encode(credentials).decode()))
        assert all("\0" not in call.args[0] for call in get.call_args_list)

    def test_secret_followed_by_a_nul_is_wrong(self, faked: Site, present: Present) -> None:
        """A secret is compared whole, also after a NUL."""
        client = faked.register()
        assert is_refused(present(basic(client.client_id, client.secret + "\0")))


class TestForm:
    """RFC 6749, 2.3.1: credentials among the parameters."""

    def test_secret_in_the_form_is_accepted(self, faked: Site, present: Present) -> None:
        """A client that is registered for it sends id and secret in the body (RFC 6749, 2.3.1)."""
        client = post_client(faked)
        assert present(client_id=client.client_id, client_secret=client.secret).status_code == 200

    @pytest.mark.parametrize(
        "parameters",
        [
            {"client_id": "x"},
            {"client_secret": "x"},
            {"client_id": "x", "client_secret": "ü☃"},
            {"client_id": "ü"},
        ],
    )
    def test_incomplete_or_unknown_credentials_are_refused(
        self, present: Present, parameters: dict[str, str]
    ) -> None:
        """Half of the credentials, or unknown ones, are the 401 of a wrong secret (5.2)."""
        assert is_refused(present(**parameters))

    def test_public_client_sends_its_id_alone(self, faked: Site, present: Present) -> None:
        """A client without a secret sends its id alone (RFC 6749, 3.2.1)."""
        client = public_client(faked)
        assert present(client_id=client.client_id).status_code == 200
        assert present(client_id=client.client_id, client_secret="").status_code == 200

    def test_public_client_may_send_basic_with_an_empty_secret(self, faked: Site, present: Present) -> None:
        """A public client's library may send its id in a Basic header (RFC 7617, 2)."""
        assert present(basic(public_client(faked).client_id, "")).status_code == 200


class TestRegisteredMethod:
    """RFC 7591, 2: a client with a secret sends it, and a public client sends none."""

    def test_client_of_another_method_is_refused(self, faked: Site, present: Present) -> None:
        """A confidential client without its secret is refused, and so is a public one with any (2.3)."""
        confidential, posting, public = faked.register(), post_client(faked), public_client(faked)
        assert is_refused(present(client_id=confidential.client_id))
        assert is_refused(present(basic(confidential.client_id, "")))
        assert is_refused(present(client_id=posting.client_id))
        assert is_refused(present(basic(posting.client_id, "")))
        assert is_refused(present(basic(public.client_id, "x")))
        assert is_refused(present(client_id=public.client_id, client_secret="x"))

    def test_two_methods_at_once_are_refused(self, faked: Site, present: Present) -> None:
        """Basic and a secret in the body, right or wrong, are invalid_request (RFC 6749, 2.3)."""
        client = faked.register()
        header = basic(*client.basic)
        assert is_two_methods(present(header, client_id=client.client_id, client_secret=client.secret))
        assert is_two_methods(present(header, client_secret="wrong"))
        assert is_two_methods(present(header, client_id="another"))

    def test_own_id_beside_basic_is_accepted(self, faked: Site, present: Present) -> None:
        """The client's own id in the body beside Basic is no second method (RFC 6749, 3.2.1)."""
        client = faked.register()
        assert present(basic(*client.basic), client_id=client.client_id).status_code == 200

    def test_empty_parameters_beside_basic_are_ignored(self, faked: Site, present: Present) -> None:
        """Empty client_id and client_secret count as omitted: Dovecot sends them (RFC 6749, 3.2)."""
        client = faked.register()
        assert present(basic(*client.basic), client_id="", client_secret="").status_code == 200


class TestSeveralSecrets:
    """Several secrets are valid at once, each until its own end."""

    def test_old_secret_works_until_its_end(self, faked: Site) -> None:
        """After a rotation the old secret works until its end, and not a second longer."""
        old = faked.register()
        faked.run("client", "rotate-secret", old.client_id, "--expires", "1h", "--json")
        assert faked.ask_token(old).status_code == 200
        faked.clock.now += HOUR - 1
        assert faked.ask_token(old).status_code == 200
        faked.clock.now += 1
        assert is_refused(faked.ask_token(old))

    def test_new_secret_works_at_once(self, faked: Site) -> None:
        """A new secret works at once, beside the earlier ones."""
        services: Services = services_of(faked.app)
        first = faked.register()
        secrets = [first.secret]
        ends = int(faked.clock()) + HOUR
        for _ in range(3):
            with faked.app.app_context():
                secrets.append(
                    services.clients.rotate_secret(first.client_id, old_not_after=ends, actor=OPERATOR)
                )
        answers = [faked.ask_token(Registered(first.client_id, secret)) for secret in secrets]
        assert [answer.status_code for answer in answers] == [200] * 4

    def test_retired_secret_is_refused(self, faked: Site) -> None:
        """A retired secret is refused at once, and the other one lives."""
        old = faked.register()
        with faked.app.app_context():
            services: Services = services_of(faked.app)
            new = services.clients.rotate_secret(
                old.client_id, old_not_after=int(faked.clock()) + HOUR, actor=OPERATOR
            )
        faked.run("client", "retire-secret", old.client_id, "1")
        assert is_refused(faked.ask_token(old))
        assert faked.ask_token(Registered(old.client_id, new)).status_code == 200

    def test_secret_of_another_client_is_refused(self, faked: Site) -> None:
        """A secret authenticates only its own client."""
        one, other = faked.register(), faked.register()
        assert is_refused(faked.ask_token(Registered(one.client_id, other.secret)))

    def test_last_use_is_written_once_an_hour(self, faked: Site) -> None:
        """The time of a secret's last use costs at most one write an hour."""
        client = faked.register()
        start = int(faked.clock())
        seen = []
        for seconds in (0, 10, HOUR - 1, HOUR):
            faked.clock.now = start + seconds
            faked.token(client)
            seen.append(rows(faked, "client_secret")[0]["last_used_at"])
        assert seen == [start, start, start, start + HOUR]

    def test_refused_login_is_no_use_of_the_secret(self, site: Site) -> None:
        """Only a token that was issued counts as a use of the secret."""
        site.ask_token(site.register(), password="wrong")
        assert rows(site, "client_secret")[0]["last_used_at"] is None

    def test_disabled_client_is_refused_until_it_is_enabled(self, faked: Site) -> None:
        """A disabled client is refused until it is enabled again."""
        client = faked.register()
        faked.run("client", "disable", "--yes", client.client_id)
        assert is_refused(faked.ask_token(client))
        faked.run("client", "update", client.client_id, "--enable")
        assert faked.ask_token(client).status_code == 200

    def test_deleted_client_is_refused(self, faked: Site) -> None:
        """A deleted client is refused like an unknown one."""
        client = faked.register()
        faked.run("client", "delete", client.client_id, "--yes")
        assert is_refused(faked.ask_token(client))
