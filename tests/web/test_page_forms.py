"""Forms of pages: only our own page's form is taken, and an expired one keeps what the user typed."""

import re
import time

import pytest
from flask import Blueprint, Response, request, session
from flask.testing import FlaskClient
from flask_wtf.csrf import validate_csrf
from jinja2 import ChoiceLoader, DictLoader
from wtforms import PasswordField, StringField
from wtforms.validators import DataRequired

from tests.conftest import Site
from web.pages import PageForm, guard_forms, render_page, shows_form_again, without_form_check

BROWSER = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"
ORIGIN = "https://localhost:8443"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')
PAGE = """{% extends "layout.html" %}{% from "macros.html" import field, problems with context %}
{% block title %}A form{% endblock %}
{% block content %}{{ problems(form) }}<form method="post">{{ form.csrf_token }}
{{ field(form.name, autocomplete="username") }}{{ field(form.word) }}</form>{% endblock %}"""


class Form(PageForm):
    """A form with a password."""

    name = StringField("Name", [DataRequired("Please enter your name.")])
    word = PasswordField("Password")


@pytest.fixture
def taken() -> list[str]:
    """What views have taken."""
    return []


@pytest.fixture
def browser(site: Site, taken: list[str]) -> FlaskClient:
    """A browser of a site with three views that take forms."""
    pages = Blueprint("trial", __name__)
    guard_forms(pages)
    assert isinstance(site.app.jinja_loader, ChoiceLoader)
    site.app.jinja_loader = ChoiceLoader([DictLoader({"trial.html": PAGE}), *site.app.jinja_loader.loaders])

    @pages.route("/form", methods=["GET", "POST"])
    @shows_form_again
    def form() -> Response:
        sent = Form()
        if sent.is_sent():
            taken.append(str(sent.name.data))
        return render_page("trial.html", form=sent)

    @pages.post("/plain")
    def plain() -> Response:
        taken.append("plain")
        return Response("taken")

    @pages.post("/open")
    @without_form_check
    def free() -> Response:
        assert request.form["name"]
        taken.append("open")
        return Response("taken")

    site.app.register_blueprint(pages)
    client = site.app.test_client()
    client.environ_base["HTTP_ACCEPT"] = BROWSER
    return client


def token(browser: FlaskClient) -> str:
    """Open the form, and give its token."""
    found = TOKEN.search(browser.get("/form", base_url=ORIGIN).text)
    assert found
    return found[1]


def post(browser: FlaskClient, path: str, **form: str) -> str:
    """Send a form, and give the page that answers."""
    return browser.post(path, base_url=ORIGIN, data={"name": "alice", "word": "a password", **form}).text


@pytest.mark.parametrize("path", ["/form", "/plain"])
def test_form_of_our_page_is_taken(browser: FlaskClient, taken: list[str], path: str) -> None:
    """A form with the token of the browser's session is taken."""
    post(browser, path, csrf_token=token(browser))
    assert len(taken) == 1


@pytest.mark.parametrize("path", ["/form", "/plain"])
@pytest.mark.parametrize("given", [None, "", "x", "of another browser"])
def test_form_of_another_site_is_refused(
    site: Site, browser: FlaskClient, taken: list[str], path: str, given: str | None
) -> None:
    """A form without the token, or with another session's, changes nothing (OWASP ASVS 5.0, V3.5.1)."""
    token(browser)
    other = token(site.app.test_client()) if given == "of another browser" else given
    post(browser, path, **({} if other is None else {"csrf_token": other}))
    assert taken == []


def test_expired_form_keeps_all_but_the_password(
    browser: FlaskClient, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After more than an hour the page says what to do, has a new token, and still has the name."""
    old = token(browser)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3700)
    page = post(browser, "/form", csrf_token=old)
    assert taken == []
    assert "This form was open for too long. Please send it again." in page
    assert 'value="alice"' in page
    assert "a password" not in page
    assert "<title>Error: A form" in page
    renewed = TOKEN.search(page)
    assert renewed
    post(browser, "/form", csrf_token=renewed[1])
    assert taken == ["alice"]


def test_browser_without_cookies_is_told_so(browser: FlaskClient, taken: list[str]) -> None:
    """A browser that takes no cookies learns the reason, on each kind of view."""
    given = token(browser)
    for path in ("/form", "/plain"):
        browser.delete_cookie("__Host-session", domain="localhost")
        assert "Your browser sent no cookie." in post(browser, path, csrf_token=given)
    assert taken == []


def test_marked_view_takes_forms_of_other_sites(browser: FlaskClient, taken: list[str]) -> None:
    """A view that is marked takes a form without a token."""
    assert post(browser, "/open") == "taken"
    assert taken == ["open"]


@pytest.mark.parametrize("path", ["/form", "/plain", "/open"])
def test_huge_form_is_refused(browser: FlaskClient, taken: list[str], path: str) -> None:
    """No form of ours needs more than 64 KiB (RFC 9110, 15.5.14)."""
    answer = browser.post(path, base_url=ORIGIN, data={"name": "x" * 70_000, "csrf_token": token(browser)})
    assert (answer.status_code, answer.mimetype) == (413, "text/html")
    assert taken == []


def test_wrong_field_is_named_for_screen_readers(browser: FlaskClient, taken: list[str]) -> None:
    """The summary links the field and takes the focus; the field names its error (WCAG 2.2, 3.3.1)."""
    page = post(browser, "/form", csrf_token=token(browser), name="")
    assert taken == []
    assert 'role="alert" tabindex="-1" autofocus' in page
    assert '<a href="#name">Please enter your name.</a>' in page
    assert '<p class="field-error" id="name-error">Please enter your name.</p>' in page
    assert 'aria-describedby="name-error"' in page
    assert 'aria-invalid="true"' in page
    assert 'autocomplete="username"' in page


def test_form_that_came_in_makes_no_token_until_a_page_shows_it(site: Site) -> None:
    """A token is made for a page. So a sign-in that ends on no page gives the browser no token."""
    with site.app.test_request_context(method="POST", base_url=ORIGIN, data={"name": "alice"}):
        sent = Form()
        assert not sent.is_sent()
        assert "csrf_token" not in session
        shown = TOKEN.search(str(sent.csrf_token()))
        assert shown
        assert session["csrf_token"]
        validate_csrf(shown[1])
