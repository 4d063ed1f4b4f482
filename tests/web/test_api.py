"""The sample resources: the user behind a token, and an echo."""

import pytest

from tests.conftest import Site

ALICE = "14aa2a51-03f1-562a-8307-e12ff2455495"


class TestMe:
    """`/api/me`."""

    @pytest.mark.parametrize(
        ("scope", "claims"),
        [
            ("profile email", {"net_id": "alice", "name": "Alice Baker", "mail": "alice@campus.example"}),
            ("profile", {"net_id": "alice", "name": "Alice Baker"}),
            ("email", {"mail": "alice@campus.example"}),
            ("echo", {}),
        ],
    )
    def test_scope_decides_which_claims_are_released(
        self, site: Site, scope: str, claims: dict[str, str]
    ) -> None:
        """The answer has the claims that the scope releases, and always `sub`."""
        answer = site.get("/api/me", site.token(site.register("p", "--scope", scope)))
        assert answer.get_json() == {"sub": ALICE, **claims}

    def test_every_scope_may_read_the_subject(self, site: Site) -> None:
        """A token of the scope `default` is enough for `sub`."""
        assert site.get("/api/me", site.token(site.register())).get_json() == {"sub": ALICE}

    def test_answer_is_json_that_is_never_stored(self, site: Site) -> None:
        """The answer is about a user, so it is no-store (RFC 6750, 5.3). It ends in a newline."""
        answer = site.get("/api/me", site.token(site.register()))
        assert answer.content_type == "application/json"
        assert (answer.headers["Cache-Control"], answer.headers["Pragma"]) == ("no-store", "no-cache")
        assert answer.data.endswith(b"}\n")

    def test_name_with_umlauts_is_released_unchanged(self, site: Site) -> None:
        """A name outside ASCII arrives unchanged."""
        client = site.register("p", "--scope", "profile")
        token = site.token(client, username="zoe", password="zoë-pässwörd")
        assert site.get("/api/me", token).get_json()["name"] == "Zoë Müller"


class TestEcho:
    """`/echo/v1/echo/<text>`."""

    @pytest.fixture
    def token(self, site: Site) -> str:
        """A token with the scope that the echo requires."""
        return site.token(site.register("p", "--scope", "echo"))

    @pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
    def test_text_method_and_headers_come_back(self, site: Site, token: str, method: str) -> None:
        """The answer has the text, the method and the headers of the request."""
        headers = {"Authorization": f"Bearer {token}", "X-Of-Mine": "a value"}
        answer = site.http.open("/echo/v1/echo/hello", method=method, headers=headers)
        body = answer.get_json()
        assert (body["text"], body["method"]) == ("hello", method)
        assert body["headers"]["X-Of-Mine"] == "a value"
        assert answer.data.endswith(b"\n")

    @pytest.mark.parametrize("name", ["Authorization", "Cookie", "Proxy-Authorization"])
    def test_credentials_are_blanked(self, site: Site, token: str, name: str) -> None:
        """No credential of the request is in the answer."""
        headers = {"Authorization": f"Bearer {token}", "Cookie": "s3cret", "Proxy-Authorization": "s3cret"}
        answer = site.app.test_client(use_cookies=False).get("/echo/v1/echo/hello", headers=headers)
        assert answer.get_json()["headers"][name] == "[blanked]"
        assert token not in answer.text
        assert "s3cret" not in answer.text

    @pytest.mark.parametrize(
        ("path", "text"),
        [
            ("a/b", "a/b"),
            ("a//b", "a//b"),
            ("%C3%BC", "ü"),
            ("%3Cb%3E", "<b>"),
            ("%09", "\t"),
            ("%FF", "�"),
        ],
    )
    def test_any_text_comes_back_as_json(self, site: Site, token: str, path: str, text: str) -> None:
        """Every text comes back in JSON, never as a page."""
        answer = site.get(f"/echo/v1/echo/{path}", token)
        assert answer.get_json()["text"] == text
        assert answer.content_type == "application/json"
