"""What all pages share: layout, languages, policy, look and templates of the operator."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Response
from flask.testing import FlaskClient

from app import create_app
from tests.conftest import Site
from tests.servers.netid import PROJECT
from web.pages import form_post_page, form_target, prefer_languages, render_page
from web.pages.languages import moment
from web.pages.policy import content_security_policy
from wiring.start import CannotStart

BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"


def browser(site: Site, **headers: str) -> FlaskClient:
    """A client that accepts pages and shows answers as they are."""
    client = site.app.test_client()
    client.environ_base["HTTP_ACCEPT"] = BROWSER
    for name, value in headers.items():
        client.environ_base[f"HTTP_{name.upper()}"] = value
    return client


def add_view(site: Site, view: Callable[[], Response]) -> None:
    """Give the site a view at `/page`."""
    site.app.add_url_rule("/page", "page", view)


@pytest.mark.parametrize("path", ["/", "/nothing"])
def test_page_has_no_inline_code_and_loads_only_our_files(site: Site, path: str) -> None:
    """The policy allows no inline code, and the page has none (OWASP ASVS 5.0, V3.4.3)."""
    answer = browser(site).get(path)
    (policy,) = answer.headers.getlist("Content-Security-Policy")
    assert "unsafe" not in policy
    sources = "style-src 'self'; img-src 'self'; font-src 'self'; script-src 'none'"
    assert policy.startswith(f"default-src 'none'; {sources}; form-action ")
    assert all(part not in answer.text for part in ("<style", "<script", " style=", " onclick=", "http:"))
    assert answer.headers.getlist("Cache-Control") == ["no-store"]


def test_page_names_files_that_can_be_loaded(site: Site) -> None:
    """Each file of the page is there, and a browser keeps it for a year."""
    page = browser(site).get("/").text
    urls = [part.split('"')[0] for part in page.split('href="')[1:] if part.startswith("/static/")]
    assert len(urls) == 3
    for url in urls:
        answer = site.http.get(url)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert site.http.get(url.split("?")[0]).headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("name", ["nothing.css", "..%2ftheme.py", "%2e%2e/errors.py", ".hidden"])
def test_nothing_else_is_served(site: Site, name: str) -> None:
    """Only the files that were read at the start can be asked for."""
    assert site.http.get(f"/static/{name}").status_code == 404


def test_page_below_a_prefix_loads_files_from_there(make_site: Callable[..., Site]) -> None:
    """Each path in a page begins with the path of the issuer."""
    page = browser(make_site(NETID_ISSUER="https://login.campus.example/idp")).get("/").text
    assert 'href="/idp/static/pages.css?v=' in page


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-GB,de;q=0.5", "en"),
        ("fr,de;q=0.5", "de"),
        ("fr", "en"),
        ("", "en"),
        (";;,", "en"),
    ],
)
def test_browser_chooses_the_language(site: Site, accepted: str, expected: str) -> None:
    """The page has the language that the browser prefers of ours, and says so (WCAG 2.2, 3.1.1)."""
    page = browser(site, accept_language=accepted).get("/nothing").text
    assert f'<html lang="{expected}">' in page
    assert ("Hier gibt es nichts." in page) is (expected == "de")


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [("de", "de"), ("fr-CA DE-at en", "de"), ("en de", "en"), ("fr", "de"), (None, "de")],
)
def test_client_chooses_the_language_before_the_browser(
    site: Site, wishes: str | None, expected: str
) -> None:
    """`ui_locales` wins over the browser's choice (OpenID Connect Core, 3.1.2.1)."""

    def view() -> Response:
        prefer_languages(wishes)
        return render_page("error.html", heading="x", sentence="y")

    add_view(site, view)
    assert f'<html lang="{expected}">' in browser(site, accept_language="de").get("/page").text


def test_error_as_json_stays_english(site: Site) -> None:
    """A program gets the constant English sentence, whatever language it accepts."""
    answer = site.http.get("/nothing", headers={"Accept-Language": "de"})
    assert answer.get_json()["error_description"] == "There is nothing here."


@pytest.mark.parametrize("status", [404, 405, 413, 429, 503])
def test_error_page_has_one_sentence_and_the_reference(site: Site, status: int) -> None:
    """A browser gets a page for every error, with the id by which the operator finds the log line."""

    def fail() -> Response:
        site.app.aborter(status)
        raise AssertionError

    add_view(site, fail)
    answer = browser(site).get("/page")
    assert (answer.status_code, answer.mimetype) == (status, "text/html")
    assert answer.headers["X-Request-Id"] in answer.text
    assert ("Retry-After" in answer.headers) is (status == 503)
    assert "Werkzeug" not in answer.text
    assert answer.headers["X-Request-Id"] in [line["request_id"] for line in site.log_lines()]


def test_page_that_fails_does_not_hide_an_error(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the page of an error cannot be made, the error is answered as JSON."""
    monkeypatch.setitem(site.app.jinja_env.globals, "look", None)
    answer = browser(site).get("/nothing")
    assert (answer.status_code, answer.mimetype) == (404, "application/json")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://client.example/callback?a=b", "https://client.example"),
        ("https://CLIENT.example:8443/x", "https://client.example:8443"),
        ("http://127.0.0.1:50001/cb", "http://127.0.0.1:50001"),
        ("http://[::1]:50001/cb", "http:"),
        ("com.example.app:/callback", "com.example.app:"),
        ("https://client.example;script-src *", "https:"),
        ("https://cli_ent.example/", "https:"),
    ],
)
def test_form_may_lead_to_the_client(url: str, expected: str) -> None:
    """A redirect URI cannot change the policy; what CSP cannot name becomes a scheme (2.3.1)."""
    assert form_target(url) == expected
    assert f"form-action 'self' {expected}; " in content_security_policy(["'self'", form_target(url)])


@pytest.mark.parametrize("source", ["*", "https://a.example; script-src *", "x y", "https://a.example,b", ""])
def test_policy_refuses_what_is_no_source(source: str) -> None:
    """Text that could change the policy is refused."""
    with pytest.raises(ValueError, match="not a source"):
        content_security_policy([source])


def test_form_post_page_brings_the_answer_with_and_without_scripts(site: Site) -> None:
    """The page has a button and a script, and leads to the client alone (Form Post Response Mode)."""
    add_view(site, lambda: form_post_page("https://client.example/cb?x=1", {"code": 'a"b', "state": "<s>"}))
    answer = browser(site).get("/page")
    assert (
        "script-src 'self'; form-action https://client.example; " in answer.headers["Content-Security-Policy"]
    )
    assert 'action="https://client.example/cb?x=1"' in answer.text
    assert 'name="code" value="a&#34;b"' in answer.text
    assert 'name="state" value="&lt;s&gt;"' in answer.text
    assert '<script src="/static/form-post.js?v=' in answer.text
    assert 'id="continue"' in answer.text


def test_campus_is_in_header_title_and_footer(make_site: Callable[..., Site], tmp_path: Path) -> None:
    """Name, logo, colours and links are those of the settings."""
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    site = make_site(
        NETID_CAMPUS_NAME="University of <Somewhere>",
        NETID_THEME_LOGO_FILE=str(logo),
        NETID_THEME_COLOR="#AA0000",
        NETID_THEME_FOOTER_LINKS="Get help https://help.example.edu; Privacy https://www.example.edu/privacy",
    )
    page = browser(site).get("/nothing").text
    assert '<span class="site-name">University of &lt;Somewhere&gt;</span>' in page
    assert "<title>Page not found \N{EN DASH} University of &lt;Somewhere&gt;</title>" in page
    assert '<a href="https://help.example.edu">Get help</a>' in page
    assert '<a href="https://www.example.edu/privacy">Privacy</a>' in page
    assert '<img class="logo" src="/static/logo?v=' in page
    assert site.http.get("/static/logo").content_type == "image/svg+xml"
    assert "--accent: #aa0000" in site.http.get("/static/theme.css").text


def instance_with(tmp_path: Path, migrated_instance: Path, **templates: str) -> dict[str, str]:
    """Settings of a server whose operator has templates."""
    folder = tmp_path / "own" / "templates"
    folder.mkdir(parents=True)
    for name, text in templates.items():
        folder.joinpath(f"{name}.html").write_text(text)
    for file in migrated_instance.iterdir():
        folder.parent.joinpath(file.name).write_bytes(file.read_bytes())
        folder.parent.joinpath(file.name).chmod(0o600)
    return {"NETID_INSTANCE_PATH": str(folder.parent)}


def test_template_of_the_operator_wins_and_may_extend_ours(tmp_path: Path, migrated_instance: Path) -> None:
    """A template in the instance folder replaces ours, which it finds under `original/`."""
    own = '{% extends "original/layout.html" %}{% block header %}our own header{% endblock %}'
    app = create_app(instance_with(tmp_path, migrated_instance, layout=own))
    page = app.test_client().get("/nothing", headers={"Accept": BROWSER}).text
    assert "our own header" in page
    assert "There is nothing here." in page


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Nov 28, 2026, 11:33\N{NARROW NO-BREAK SPACE}AM UTC"), ("de", "28.11.2026, 11:33 UTC")],
)
def test_time_is_shown_to_the_minute(site: Site, language: str, words: str) -> None:
    """Users compare times with a clock on the wall; programs read the seconds in the element."""
    with site.app.test_request_context("/", headers={"Accept-Language": language}):
        shown = moment(1_795_865_599)
    assert shown == f'<time datetime="2026-11-28T11:33:19Z">{words}</time>'


def test_guide_names_each_template() -> None:
    """A file of another name replaces nothing: operators must know the names."""
    named = re.findall(r"`([a-z_]+\.html)`", (PROJECT / "docs" / "pages.md").read_text("utf-8"))
    assert {each.name for each in (PROJECT / "web" / "templates").iterdir()} == {*named}


def test_stylesheet_of_the_operator_is_loaded_last(tmp_path: Path, migrated_instance: Path) -> None:
    """`static/campus.css` in the instance folder follows our own stylesheets."""
    environ = instance_with(tmp_path, migrated_instance)
    folder = tmp_path / "own" / "static"
    folder.mkdir()
    folder.joinpath("campus.css").write_text("h1 { color: red }")
    client = create_app(environ).test_client()
    page = client.get("/nothing", headers={"Accept": BROWSER}).text
    assert page.index("theme.css") < page.index("/static/campus.css?v=")
    assert client.get("/static/campus.css").text == "h1 { color: red }"


def test_template_with_a_mistake_keeps_the_server_from_starting(
    tmp_path: Path, migrated_instance: Path
) -> None:
    """The operator hears of a mistake at the start, with file and line, and not a user."""
    environ = instance_with(tmp_path, migrated_instance, error="\n{% block %}")
    with pytest.raises(CannotStart, match=r"templates/error\.html, line 2"):
        create_app(environ)


@pytest.mark.parametrize("host", ["a..b", "[::1", "evil.example", "a" * 300])
def test_error_page_does_not_depend_on_the_host(site: Site, host: str) -> None:
    """A page of an error is made even for a Host header that is no host, and never repeats it."""
    answer = browser(site, host=host).get("/nothing")
    assert answer.status_code in {400, 404}
    assert answer.mimetype == "text/html"
    assert host not in answer.text
