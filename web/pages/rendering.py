"""Answers that are pages: a template with the campus's look, a policy of its own, and no copy in a cache."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response, render_template, request
from flask_babel import force_locale

from oauth import current_request_id, error_json
from web.pages.languages import N_, SOURCE_LANGUAGE, translated
from web.pages.look import current_look, has_look
from web.pages.policy import content_security_policy

SELF = ("'self'",)
_DEFAULT_TITLE = N_("This did not work")


def render_page(
    template: str,
    status: int = 200,
    *,
    form_action: Sequence[str] = SELF,
    scripts: bool = False,
    headers: Sequence[tuple[str, str]] = (),
    **context: Any,
) -> Response:
    """Answer with a page.

    Args:
        template: The name of a template, which extends `layout.html`.
        status: The HTTP status.
        form_action: Sources that forms of the page may lead to, redirects included; `form_target` makes one.
        scripts: Whether the page runs a script of ours.
        headers: Further headers.
        context: What the template shows.
    """
    html = render_template(template, **context)
    return html_response(html, status, form_action=form_action, scripts=scripts, headers=headers)


def html_response(
    html: str,
    status: int = 200,
    *,
    form_action: Sequence[str] = SELF,
    scripts: bool = False,
    headers: Sequence[tuple[str, str]] = (),
) -> Response:
    """Answer with the HTML of a page.

    Args:
        html: The whole page.
        status: The HTTP status.
        form_action: As `render_page` has it.
        scripts: As `render_page` has it.
        headers: Further headers.
    """
    response = Response(html, status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = content_security_policy(form_action, scripts=scripts)
    response.headers["Cache-Control"] = "no-store"
    for name, value in headers:
        response.headers.add(name, value)
    return response


def error_page(
    sentence: object,
    status: int,
    *,
    title: object = _DEFAULT_TITLE,
    error: str = "invalid_request",
    headers: Sequence[tuple[str, str]] = (),
    back: str | None = None,
) -> Response:
    """Answer with an error: a page for a browser, JSON for a program. Both name the reference for the log.

    Args:
        sentence: One constant sentence for the user: marked with `N_`, or from `lazy_gettext`.
        status: The HTTP status.
        title: The page's heading.
        error: The error's code in JSON.
        headers: Further headers.
        back: A URL of ours where the user can start again.
    """
    with force_locale(SOURCE_LANGUAGE):
        english = str(sentence)
    if not wants_html():
        return error_json({"error": error, "error_description": english}, status, headers)
    reference = current_request_id()
    # So that the operator finds what a user saw. The sentence is constant.
    current_look().log.info("page.error", status=status, sentence=english, request_id=reference)
    return render_page(
        "error.html",
        status,
        headers=headers,
        heading=translated(title),
        sentence=translated(sentence),
        reference=reference,
        back=back,
    )


def form_post_page(url: str, parameters: Mapping[str, str]) -> Response:
    """Answer with a form that brings parameters to a client (OAuth 2.0 Form Post Response Mode).

    A script sends the form; without scripts, the user sends it by a button.

    Args:
        url: The redirect URI of the client, which was proven to be its own.
        parameters: What the client receives.
    """
    targets = current_look().client_targets(url)
    return render_page("form_post.html", form_action=targets, scripts=True, url=url, parameters=parameters)


def wants_html() -> bool:
    """Tell whether the current request prefers a page to JSON (RFC 9110, 12.5.1)."""
    accepted = request.accept_mimetypes.best_match(["application/json", "text/html"])
    return accepted == "text/html" and has_look()
