"""Forms of the pages, and the check that a form came from our own page (CSRF).

A token in the form must match one in the browser's session (Flask-WTF). By default a form without a valid
token is refused before its view runs. A view that shows its form again, with what the user typed, is marked
with `shows_form_again` and checks by `PageForm.is_sent`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, g, request, session
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from flask_wtf.csrf import generate_csrf, validate_csrf
from markupsafe import Markup
from wtforms import Field, HiddenField, ValidationError
from wtforms.csrf.core import CSRFTokenField

from web.pages.inputs import has_plain_input, input_tag
from web.pages.languages import N_
from web.pages.rendering import error_page

MAX_FORM_OCTETS = 65_536
"""No form of ours is larger."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_TOKEN = "csrf_token"  # noqa: S105 - the name of a field
# In the browser's session: the token before the last sign-in.
_FORMER = "csrf_former"
_MARK = "netid_own_form_check"
_TOO_OLD = N_("This form was open for too long. Please send it again.")
_NO_COOKIE = N_("Your browser sent no cookie. Please allow cookies for this site, and send the form again.")

_View = TypeVar("_View", bound=Callable[..., Any])


class _TokenField(CSRFTokenField):
    """The field of the form token. It makes its token when a page shows it, not when a form comes in."""

    @property
    def current_token(self) -> str:
        """The token."""
        return str(self.csrf_impl.generate_csrf_token(self))

    def process(self, *args: Any, **options: Any) -> None:
        """Take the token that was sent."""
        HiddenField.process(self, *args, **options)


class _FormTokens(FlaskForm.Meta.csrf_class):
    """Flask-WTF's form tokens, in our field."""

    field_class = _TokenField


class PageForm(FlaskForm):
    """A form of a page. Its fields keep what the user typed, except for passwords."""

    class Meta(FlaskForm.Meta):
        """What differs from Flask-WTF: the token is made late, and inputs are written fast."""

        csrf_class = _FormTokens

        def render_field(self, field: Field, render_kw: dict[str, Any]) -> Markup:
            """Write a field as HTML.

            Args:
                field: The field.
                render_kw: Attributes that the template gives.
            """
            if has_plain_input(field):
                return input_tag(field, render_kw)
            written: Markup = super().render_field(field, render_kw)
            return written

    def is_sent(self) -> bool:
        """Tell whether the user sent this form from our page, and every field is valid."""
        return bool(self.validate_on_submit())

    @property
    def problem(self) -> str | None:
        """What keeps the form as a whole from being taken, as a sentence for the user."""
        return _(_token_problem()) if _TOKEN in self.errors else None


def guard_forms(pages: Blueprint) -> None:
    """Refuse each form for the views of a blueprint that did not come from our own page.

    Args:
        pages: The blueprint. Its views with `shows_form_again` or `without_form_check` are left out.
    """
    pages.before_request(_refuse_foreign_form)


def shows_form_again(view: _View) -> _View:
    """Mark a view that checks its `PageForm` itself, so that an expired form keeps what the user typed."""
    setattr(view, _MARK, True)
    return view


def without_form_check(view: _View) -> _View:
    """Mark a view that takes forms of other sites, and changes nothing that a user has."""
    setattr(view, _MARK, True)
    return view


def form_token() -> str:
    """Give the token of the forms of this request's page, as `form.csrf_token` shows it."""
    return str(generate_csrf())


@contextmanager
def form_token_is(text: str) -> Iterator[None]:
    """Let forms show a text in the place of their token, which is neither made nor kept in the session.

    Args:
        text: What they show.
    """
    kept = g.pop(_TOKEN, None)
    # Flask-WTF makes a token once for each request, and finds it here.
    setattr(g, _TOKEN, text)
    try:
        yield
    finally:
        g.pop(_TOKEN)
        if kept is not None:
            setattr(g, _TOKEN, kept)


def renew_form_token() -> None:
    """Give the browser another form token, because its user changes.

    Whoever knew the token before a sign-in could otherwise send forms in the session after it.
    """
    former = session.get(_TOKEN)
    session.clear()
    g.pop(_TOKEN, None)
    if former is not None:
        session[_FORMER] = former


def forget_form_tokens() -> None:
    """Take every form token from the browser, because its user signs out."""
    session.clear()
    g.pop(_TOKEN, None)


def accept_former_token() -> None:
    """Take the form of this request with the token from before the last sign-in too.

    Only for a form that asks for the password. A user who opened it in two tabs can use both.
    """
    try:
        validate_csrf(request.form.get(_TOKEN), token_key=_FORMER)
    except ValidationError:
        return
    # Flask-WTF's own mark: forms of this request need no other check.
    g.csrf_valid = True


def _refuse_foreign_form() -> Response | None:
    if request.method in _SAFE_METHODS:
        return None
    request.max_content_length = MAX_FORM_OCTETS
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, _MARK, False):
        return None
    try:
        validate_csrf(request.form.get(_TOKEN))
    except ValidationError:
        return error_page(_token_problem(), 400, title=N_("Please send the form again"), back=request.path)
    g.csrf_valid = True
    return None


def _token_problem() -> str:
    has_session = current_app.config["SESSION_COOKIE_NAME"] in request.cookies
    return _TOO_OLD if has_session else _NO_COOKIE
