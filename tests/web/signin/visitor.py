"""A user's browser, as tests of the pages drive it: it follows our redirects and sends our forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qs, parse_qsl, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.answers import Answer
from tests.conftest import Registered, Site
from web.signin.session_cookie import COOKIE

ORIGIN = "https://localhost:8443"
CALLBACK = "https://app.example/callback"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
ALICES_PASSWORD = "alice-password"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
_HTML = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
_REDIRECTS = {301, 302, 303, 307, 308}


class Page(HTMLParser):
    """What a test asks of a page: its forms with their fields, its buttons, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.actions: list[str] = []
        self.fields: list[dict[str, str]] = []
        self.ids: set[str] = set()
        self.title = self.text = ""
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, fields and ids."""
        values = {name: value or "" for name, value in attrs}
        self._tag = tag
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "form":
            self.actions.append(values.get("action", ""))
            self.fields.append({})
        elif tag == "input" and self.fields:
            self.fields[-1][values.get("name", "")] = values.get("value", "")

    def handle_data(self, data: str) -> None:
        """Note the texts."""
        if self._tag == "title" and not self.title:
            self.title = data
        self.text += f" {data.strip()}"


def page_of(answer: TestResponse) -> Page:
    """The page of an answer."""
    return Page(answer.text)


def parameters_of(answer: TestResponse) -> dict[str, str]:
    """The parameters of an answer to the client, by a redirect or by a form."""
    if answer.status_code == 200:
        page = page_of(answer)
        assert "form-post" in page.ids, answer.text
        assert page.actions == [CALLBACK]
        return page.fields[0]
    assert answer.status_code == 303, answer.text
    location = answer.headers["Location"]
    assert location.startswith(f"{CALLBACK}?"), location
    return dict(parse_qsl(urlsplit(location).query, strict_parsing=True))


@dataclass
class Visitor:
    """A browser with a cookie jar of its own."""

    site: Site
    address: str = "192.0.2.7"
    http: FlaskClient = field(init=False)

    def __post_init__(self) -> None:
        self.http = FlaskClient(self.site.app, Answer, use_cookies=True)
        self.http.environ_base |= {
            "HTTP_ACCEPT": _HTML,
            "REMOTE_ADDR": self.address,
            "HTTP_USER_AGENT": "Visitor/1.0",
        }

    def get(self, path: str, **query: str) -> TestResponse:
        """GET a path, without following redirects."""
        return self.http.get(path, query_string=query or None, base_url=ORIGIN)

    def post(self, path: str, form: dict[str, str]) -> TestResponse:
        """POST a form, without following redirects."""
        return self.http.post(path, data=form, base_url=ORIGIN)

    def follow(self, answer: TestResponse) -> TestResponse:
        """Follow redirects on our own server."""
        while answer.status_code in _REDIRECTS and answer.headers["Location"].startswith("/"):
            answer = self.http.get(answer.headers["Location"], base_url=ORIGIN)
        return answer

    def open(self, client: Registered, **parameters: str) -> TestResponse:
        """Open the authorization endpoint as a client's link does, and follow redirects of ours."""
        return self.follow(self.get("/oauth/authorize", **request_of(client, **parameters)))

    def send(self, page: TestResponse, *, form: int = -1, **typed: str) -> TestResponse:
        """Send a form of a page with what the user typed; redirects of ours are followed."""
        return self.follow(self.submit(page, form=form, **typed))

    def submit(self, page: TestResponse, *, form: int = -1, **typed: str) -> TestResponse:
        """Send a form of a page, and return the answer itself."""
        parsed = page_of(page)
        return self.post(parsed.actions[form], {**parsed.fields[form], **typed})

    def sign_in(
        self, page: TestResponse, name: str = "alice", password: str = ALICES_PASSWORD
    ) -> TestResponse:
        """Sign in on the sign-in page."""
        assert "sign-in" in page_of(page).ids, page.text
        return self.send(page, username=name, password=password)

    def allow(self, page: TestResponse) -> TestResponse:
        """Allow the request on the consent page."""
        assert "allow" in page_of(page).ids, page.text
        return self.send(page, decision="allow")

    def cookie(self) -> str | None:
        """The value of the session's cookie."""
        found = self.http.get_cookie(COOKIE, domain="localhost")
        return found.value if found else None


def request_of(client: Registered, **parameters: str) -> dict[str, str]:
    """The parameters of an authorization request; an empty one is left out."""
    usual = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "state": "a state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**usual, **parameters}.items() if value}


def register(
    site: Site, name: str = "Library", *options: str, scope: str = "openid profile email"
) -> Registered:
    """Register a client for the code grant."""
    return site.register(
        name, "--redirect-uri", CALLBACK, "--scope", scope, *options, grant="authorization_code"
    )


def flow_of(answer: TestResponse) -> str:
    """The handle in the address that an answer leads to, or that its forms send to."""
    location = answer.headers.get("Location") or page_of(answer).actions[-1]
    (handle,) = parse_qs(urlsplit(location).query)["flow"]
    return handle
