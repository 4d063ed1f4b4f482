"""A page that differs between users by a few texts alone: rendered once, and then filled in.

To render the sign-in page was a tenth of a sign-in's CPU (docs/decisions/0044-cost-of-a-page.md). So a
process renders it once for each language, with a mark in the place of each text. It keeps what is between the
marks. The token of a form is such a text too.
A template of the operator may look at a text. Where there is one, each page is rendered for itself.
"""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from flask import Response, before_render_template, render_template, template_rendered
from markupsafe import escape

from web.pages.forms import form_token, form_token_is
from web.pages.languages import page_language
from web.pages.look import KeptParts, current_look
from web.pages.rendering import html_response, render_page

_TOKEN: Final = "form token"  # noqa: S105 - the name of a text
# Nobody outside the process knows it, so no text of a template or a catalogue has it.
_MARK: Final = f"mark{secrets.token_hex(16)}x"
_MARKS: Final = re.compile(f"{_MARK}([0-9]+)x")

Texts = Mapping[str, str | None]


def render_kept_page(
    template: str,
    texts: Texts,
    context: Callable[[Texts], Mapping[str, Any]],
    *,
    form_action: Sequence[str],
) -> Response:
    """Answer with a page whose template looks at nothing of some texts but whether they are empty.

    Args:
        template: The name of the template.
        texts: What the template shows and what differs between users, by name.
        context: Gives the template's context for texts. It is called with marks in their place too. No other
            part of the context may differ between two calls.
        form_action: Sources that forms of the page may lead to.
    """
    look = current_look()
    if look.has_own_templates or before_render_template.receivers or template_rendered.receivers:
        return render_page(template, form_action=form_action, **context(texts))
    place = template, page_language(), tuple(name for name, text in texts.items() if text)
    parts = look.kept_pages.get(place)
    if parts is None:
        parts = look.kept_pages[place] = _render_parts(template, texts, context)
    return html_response(_filled(parts, texts), form_action=form_action)


def _render_parts(template: str, texts: Texts, context: Callable[[Texts], Mapping[str, Any]]) -> KeptParts:
    names = [_TOKEN, *texts]
    marks = {name: f"{_MARK}{place}x" for place, name in enumerate(names)}
    marked = {name: marks[name] if text else text for name, text in texts.items()}
    with form_token_is(marks[_TOKEN]):
        html = render_template(template, **context(marked))
    pieces = _MARKS.split(html)
    return KeptParts(pieces[::2], [names[int(place)] for place in pieces[1::2]])


def _filled(parts: KeptParts, texts: Texts) -> str:
    filled = [parts.between[0]]
    for name, following in zip(parts.names, parts.between[1:], strict=True):
        text = form_token() if name == _TOKEN else texts[name]
        filled += (escape(text), following)
    return "".join(filled)
