"""A page that is kept without its texts is, once they are filled in, the page that its template gives."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask import Response, g, session, template_rendered
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app import create_app
from tests.conftest import Site
from tests.web.test_pages import instance_with
from web.pages import current_look, render_kept_page, render_page
from web.signin.sign_in import _plain_page

TEMPLATE = "sign_in.html"
TARGETS = ["'self'", "https://app.example"]
PLAIN: Mapping[str, str | None] = {"action": "/signin", "client_name": "Library", "username": None}
texts_of_users = st.fixed_dictionaries(
    {"action": st.text(), "client_name": st.none() | st.text(), "username": st.none() | st.text()}
)


def kept(texts: Mapping[str, str | None]) -> Response:
    """The page, filled in."""
    return render_kept_page(TEMPLATE, texts, _plain_page, form_action=TARGETS)


def rendered(texts: Mapping[str, str | None]) -> Response:
    """The page, rendered for itself."""
    return render_page(TEMPLATE, form_action=TARGETS, **_plain_page(texts))


@pytest.fixture
def english(site: Site) -> Iterator[Site]:
    """A site with a request whose page is English."""
    with site.app.test_request_context(headers={"Accept-Language": "en"}):
        yield site


@example(texts={"action": "/a?b&c", "client_name": "<i>&\"'", "username": "\"><script>'&#34;%(a)s %"})
@example(texts={"action": "", "client_name": "", "username": ""})
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(texts=texts_of_users)
def test_page_is_that_of_the_template(english: Site, texts: Mapping[str, str | None]) -> None:
    """Body and headers are the same, and as well escaped, whatever a program or a user sent."""
    plain = rendered(texts)
    for _ in range(2):
        page = kept(texts)
        assert page.get_data() == plain.get_data()
        assert page.headers == plain.headers


def test_no_text_of_a_user_is_kept(english: Site) -> None:
    """What one user's page shows is not kept for another: no name, no action, no token."""
    texts = {"action": "/signin?flow=first-flow", "client_name": "First", "username": "first-user"}
    kept(texts)
    held = repr(current_look().kept_pages)
    assert [each for each in (*texts.values(), g.csrf_token) if str(each) in held] == []
    assert held != "{}"


def test_token_is_made_for_each_session(site: Site) -> None:
    """A page that was kept shows the token of the session that asks, and stores it there."""
    tokens = []
    for _ in range(2):
        with site.app.test_request_context():
            page = kept(PLAIN).get_data(as_text=True)
            assert f'value="{g.csrf_token}"' in page
            tokens.append(session["csrf_token"])
    assert tokens[0] != tokens[1]


def test_first_page_leaves_the_token_of_its_request(english: Site) -> None:
    """A token that was made before the page is kept in place while the page is rendered with marks."""
    before = rendered(PLAIN).get_data(as_text=True)
    token = g.csrf_token
    assert kept(PLAIN).get_data(as_text=True) == before
    assert g.csrf_token == token


def test_each_language_has_its_own_page(site: Site) -> None:
    """A page that was kept in one language is not shown in another."""
    shown = []
    for language in ("de", "en", "de", "en"):
        with site.app.test_request_context(headers={"Accept-Language": language}):
            page = kept(PLAIN).get_data(as_text=True)
            assert f'<html lang="{language}">' in page
            shown.append("Anmelden" in page)
    assert shown == [True, False, True, False]


def test_listener_sees_each_page(english: Site) -> None:
    """Who listens to Flask's signal about a template gets the texts, and no mark."""
    seen = []

    def listen(_sender: object, context: Mapping[str, object], **_: object) -> None:
        seen.append(context["client_name"])

    with template_rendered.connected_to(listen, english.app):
        kept(PLAIN)
    assert seen == ["Library"]


def test_template_of_the_operator_is_rendered_for_each_page(tmp_path: Path, migrated_instance: Path) -> None:
    """A template of the operator may look at a text, so no page is kept beside it."""
    own = (
        '{% extends "original/layout.html" %}{% block header %}'
        "{% if client_name == 'Library' %}for members{% endif %}{% endblock %}"
    )
    app = create_app(instance_with(tmp_path, migrated_instance, layout=own))
    pages = []
    for name in ("Library", "Mail"):
        with app.test_request_context():
            pages.append("for members" in kept({**PLAIN, "client_name": name}).get_data(as_text=True))
            assert current_look().kept_pages == {}
    assert pages == [True, False]
