"""What a program asks for when it sends its user to sign out (OpenID Connect RP-Initiated Logout 1.0, 2)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
from authlib.oauth2 import OAuth2Error
from flask import request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Client
from oauth import Server
from oauth.logout.request import EndSession, Fault, LogoutRequest
from oauth.tokens.session_ids import sid_of
from tests.conftest import NOON, Site
from tests.oauth.sessions import SignedIn

AFTER = "https://portal.example.edu/signed-out?from=netid"
SESSION = b"a session's id.."
LONG_AGO = NOON - 10_000_000


class Asking:
    """Sends logout requests to the server of a site, and reads them without a page."""

    def __init__(self, site: Site, signed_in: SignedIn) -> None:
        self.site = site
        self.signed_in = signed_in
        self.server: Server = site.app.extensions[Server.NAME]
        self.client = self.portal()

    def portal(self, name: str = "a portal", **registration: Any) -> Client:
        """Register a client with an address for after the logout."""
        return self.signed_in.client(name, **{"post_logout_redirect_uris": [AFTER], **registration})

    def hint(self, typ: str = "JWT", alg: str = "RS256", **changes: Any) -> str:
        """An ID token of this server for the client, expired long ago."""
        claims = {
            "iss": "https://localhost:8443",
            "aud": self.client.client_id,
            "sub": "alice",
            "exp": LONG_AGO + 600,
            "iat": LONG_AGO,
            "sid": sid_of(SESSION, self.client.client_id),
            **changes,
        }
        with self.site.app.app_context():
            return self.server.token_issuer.keys.signer(alg, NOON).sign(typ, claims)

    def read(self, method: str = "GET", **sent: str) -> LogoutRequest:
        """What the server reads of these parameters."""
        return self.read_text(urlencode(sent), method)

    def read_text(self, text: str, method: str = "GET") -> LogoutRequest:
        """What the server reads of this query or form."""
        form: Mapping[str, Any] = {
            "data": text,
            "content_type": "application/x-www-form-urlencoded",
        }
        place = {"query_string": text} if method == "GET" else form
        with self.site.app.test_request_context("/oauth/logout", method=method, **place):
            return EndSession(self.server).read(request)

    def restore(self, asked: LogoutRequest) -> LogoutRequest:
        """The request as it comes back from the database."""
        with self.site.app.app_context():
            return EndSession(self.server).restore(asked.stored())


@pytest.fixture
def asking(faked: Site) -> Asking:
    """A site with a client."""
    return Asking(faked, SignedIn(faked))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_request_is_read(asking: Asking, method: str) -> None:
    """GET and POST are read alike (2.1): a verified hint names the client, and its session."""
    asked = asking.read(
        method, id_token_hint=asking.hint(), post_logout_redirect_uri=AFTER, state="a&b", ui_locales="de en"
    )
    assert asked.fault is None
    assert asked.is_hinted
    assert (asked.client_id, asked.client_name) == (asking.client.client_id, "a portal")
    assert asked.return_url == f"{AFTER}&state=a%26b"
    assert asked.ui_locales == "de en"
    assert asked.proves(SESSION)
    assert not asked.proves(b"another session.")


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("https://portal.example.edu/", "https://portal.example.edu/?state=s"),
        ("https://portal.example.edu/?a=b", "https://portal.example.edu/?a=b&state=s"),
        ("https://portal.example.edu/?", "https://portal.example.edu/?state=s"),
        ("edu.example.portal:/out", "edu.example.portal:/out?state=s"),
    ],
)
def test_state_goes_back_in_the_query(asking: Asking, uri: str, url: str) -> None:
    """The state is added to the query of the address (3); without a state the address is as registered."""
    client = asking.portal(post_logout_redirect_uris=[uri])
    assert asking.read(client_id=client.client_id, post_logout_redirect_uri=uri, state="s").return_url == url
    assert asking.read(client_id=client.client_id, post_logout_redirect_uri=uri).return_url == uri


def test_client_id_alone_names_the_client(asking: Asking) -> None:
    """Without a hint the client is named, and nothing is proven about a session."""
    asked = asking.read(client_id=asking.client.client_id, post_logout_redirect_uri=AFTER)
    assert (asked.return_url, asked.is_hinted, asked.fault) == (AFTER, False, None)
    assert not asked.proves(SESSION)


def test_empty_request_is_no_fault(asking: Asking) -> None:
    """Every parameter may be missing, and an empty one counts as missing."""
    assert asking.read() == asking.read(id_token_hint="", state="") == LogoutRequest()


def test_state_alone_leads_nowhere(asking: Asking) -> None:
    """A state without an address is of no use."""
    assert asking.read(state="s").return_url is None


@pytest.mark.parametrize(
    "uri",
    [
        AFTER + "&more=1",
        AFTER.replace("https", "http"),
        AFTER.replace("portal.example.edu", "portal.example.edu.evil.example"),
        AFTER.replace("portal.", "Portal."),
        AFTER.replace("/signed-out", "/./signed-out"),
        AFTER.replace("edu/", "edu:443/"),
        AFTER + "#fragment",
        AFTER + " ",
        "https://evil.example/",
        "//evil.example/",
        "javascript:alert(1)",
        "\\evil.example",
    ],
)
def test_other_address_is_refused(asking: Asking, uri: str) -> None:
    """Only a registered address is good, letter by letter (3): this server redirects to no other."""
    asked = asking.read(id_token_hint=asking.hint(), post_logout_redirect_uri=uri, state="s")
    assert (asked.fault, asked.return_url) == (Fault.REDIRECT_URI, None)
    assert not asked.proves(SESSION)


def test_address_of_another_client_is_refused(asking: Asking) -> None:
    """An address is good for the client that registered it, and for nobody without a client."""
    other = asking.portal("another", post_logout_redirect_uris=["https://other.example.edu/"])
    assert asking.read(client_id=other.client_id, post_logout_redirect_uri=AFTER).fault is Fault.REDIRECT_URI
    assert asking.read(post_logout_redirect_uri=AFTER).fault is Fault.REDIRECT_URI


def test_address_for_sign_in_is_none_for_logout(asking: Asking) -> None:
    """A redirect URI of the authorization code is not an address for after the logout."""
    uri = "https://portal.example.edu/callback"
    client = asking.portal("another", redirect_uris=[uri], post_logout_redirect_uris=[])
    assert asking.read(client_id=client.client_id, post_logout_redirect_uri=uri).fault is Fault.REDIRECT_URI


class TestHint:
    """The ID token that a program sends as a hint."""

    @pytest.mark.parametrize("alg", ["RS256", "ES256"])
    def test_hint_of_a_retired_key_is_good(self, asking: Asking, alg: str) -> None:
        """A hint is good long after its end, and after the end of the key that signed it (2)."""
        hint = asking.hint(alg=alg)
        asking.site.run("key", "rotate")
        asking.site.clock.now += 1_000_000
        assert asking.read(id_token_hint=hint).proves(SESSION)

    def test_hint_of_a_key_that_may_be_stolen_is_not(self, asking: Asking) -> None:
        """Once an operator has replaced the keys at once, nothing that they signed is believed."""
        hint = asking.hint()
        asking.site.run("key", "rotate", "--now", "--yes")
        asking.site.clock.now += 60
        assert asking.read(id_token_hint=hint).fault is Fault.HINT

    @pytest.mark.parametrize("typ", ["at+jwt", "logout+jwt", "jwt", ""])
    def test_other_token_is_no_hint(self, asking: Asking, typ: str) -> None:
        """Access tokens and logout tokens have the same keys, and another type (RFC 8725, 3.11)."""
        assert asking.read(id_token_hint=asking.hint(typ)).fault is Fault.HINT

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://evil.example"},
            {"iss": None},
            {"aud": None},
            {"aud": 5},
            {"sub": None},
            {"sub": ["alice"]},
        ],
    )
    def test_hint_with_other_claims_is_refused(self, asking: Asking, claims: dict[str, Any]) -> None:
        """The hint must be of this issuer, and name its client and user."""
        assert asking.read(id_token_hint=asking.hint(**claims)).fault is Fault.HINT

    def test_altered_hint_is_refused(self, asking: Asking) -> None:
        """The signature must be right."""
        header, claims, signature = asking.hint().split(".")
        other = asking.hint(sid="other").split(".")
        for altered in (
            f"{header}.{other[1]}.{signature}",
            f"{header}.{claims}.",
            f"{header}.{claims}",
            f"{header}.{claims}.{signature[:-4]}AAAA",
            "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + claims + ".",
            "a.b.c",
            "x",
        ):
            asked = asking.read(id_token_hint=altered, post_logout_redirect_uri=AFTER)
            assert (asked.fault, asked.return_url, asked.client_id) == (Fault.HINT, None, None)

    def test_client_id_must_agree_with_the_hint(self, asking: Asking) -> None:
        """With both, the client must be the audience of the hint (2)."""
        other = asking.portal("another")
        hint = asking.hint()
        assert asking.read(id_token_hint=hint, client_id=other.client_id).fault is Fault.HINT
        assert asking.read(id_token_hint=hint, client_id=asking.client.client_id).fault is None

    @pytest.mark.parametrize("sid", [None, 5, "", "another"])
    def test_hint_without_the_session_proves_nothing(self, asking: Asking, sid: object) -> None:
        """An ID token of the password grant has no session, so its user is asked."""
        asked = asking.read(id_token_hint=asking.hint(sid=sid))
        assert asked.is_hinted
        assert not asked.proves(SESSION)

    def test_sid_of_another_client_proves_nothing(self, asking: Asking) -> None:
        """Each client has a sid of its own for a session."""
        asked = asking.read(id_token_hint=asking.hint(sid=sid_of(SESSION, "another")))
        assert not asked.proves(SESSION)


class TestStored:
    """A request that waits for its user."""

    def test_request_comes_back_as_it_was(self, asking: Asking) -> None:
        """Storing loses nothing, and stores no ID token."""
        hint = asking.hint()
        asked = asking.read(
            id_token_hint=hint, post_logout_redirect_uri=AFTER, state="s", ui_locales="de", unknown="x"
        )
        assert asking.restore(asked) == asked
        assert hint not in str(asked.stored())
        faulty = asking.read(id_token_hint="x")
        assert asking.restore(faulty) == faulty

    def test_client_that_was_disabled_meanwhile_is_a_fault(self, asking: Asking) -> None:
        """The registration of the moment counts, not that of the request."""
        asked = asking.read(id_token_hint=asking.hint(), post_logout_redirect_uri=AFTER)
        asking.site.run("client", "disable", asking.client.client_id, "--yes")
        restored = asking.restore(asked)
        assert (restored.fault, restored.return_url, restored.client_name) == (Fault.CLIENT, None, None)
        assert not restored.proves(SESSION)

    def test_address_that_was_removed_meanwhile_is_a_fault(self, asking: Asking) -> None:
        """An address that an operator took away leads nowhere any more."""
        asked = asking.read(client_id=asking.client.client_id, post_logout_redirect_uri=AFTER)
        asking.site.run(
            "client",
            "update",
            asking.client.client_id,
            "--post-logout-redirect-uri",
            "https://new.example.edu/",
        )
        assert asking.restore(asked).fault is Fault.REDIRECT_URI


def test_unknown_client_is_a_fault(asking: Asking) -> None:
    """A client that is not registered gets nobody back."""
    asked = asking.read(client_id="nobody", post_logout_redirect_uri=AFTER)
    assert (asked.fault, asked.return_url) == (Fault.CLIENT, None)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "text",
    [
        "state=a&state=b",
        "client_id=a&client%5Fid=b",
        "state=" + "x" * 5000,
        "id_token_hint=" + "x" * 9000,
        "state=%ff",
        "state=a%00b",
        "&".join(f"p{n}=x" for n in range(200)),
        "x" * 20_000,
    ],
)
def test_unreadable_request_is_refused(asking: Asking, method: str, text: str) -> None:
    """A parameter that is repeated, too long, or not UTF-8 is `invalid_request`, with a constant sentence."""
    with pytest.raises(OAuth2Error) as refused:
        asking.read_text(text, method)
    assert refused.value.error == "invalid_request"
    assert text not in str(refused.value.description)


def test_fault_is_logged_without_the_hint(asking: Asking) -> None:
    """The operator finds the fault in the log; the log holds neither hint nor state."""
    asking.read(id_token_hint=asking.hint() + "x", state="the-state", client_id=asking.client.client_id)
    asking.read(client_id=asking.client.client_id, post_logout_redirect_uri="https://evil.example/?hunter2")
    lines = [line for line in asking.site.log_lines() if line["event"] == "logout.request_faulty"]
    assert [line["reason"] for line in lines] == ["hint", "redirect_uri"]
    assert lines[1]["client_id"] == asking.client.client_id
    written = asking.site.log.getvalue()
    assert not any(text in written for text in ("the-state", "hunter2", "eyJ"))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(asking: Asking, octets: bytes) -> None:
    """Whatever is sent is a request, a fault or a refusal."""
    text = octets.decode("latin-1")
    for sent in (urlencode({"id_token_hint": text}), f"id_token_hint={text}"):
        try:
            assert asking.read_text(sent, "POST").return_url is None
        except OAuth2Error as refused:
            assert refused.error == "invalid_request"  # noqa: PT017 - either way is right


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1/logout", "http://portal.example.edu/", "edu.example.app:/logout", "https://a/#b"],
)
def test_only_a_tls_server_is_told(asking: Asking, uri: str) -> None:
    """A back-channel logout URI is https without a fragment (Back-Channel Logout 1.0, 2.2)."""
    said = asking.site.run(
        "client", "update", asking.client.client_id, "--backchannel-logout-uri", uri, status=1
    )
    assert "back-channel logout URI must be https" in said
