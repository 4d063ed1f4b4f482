"""What all pages for people share: layout, theme, languages, policy, forms, and the page of an error.

Owns: how a page is rendered, its Content-Security-Policy, its language, the files it loads, and the check
that a form came from our own page. Must not know: what a page is about, the stores and the directory. Start
reading at `rendering.py`.

- `rendering.py`: `render_page`, `error_page`, `form_post_page`.
- `kept_pages.py`: `render_kept_page`, for a page that differs between users by a few texts.
- `look.py`: installs theme, files, templates and languages in an application.
- `theme.py`, `colors.py`, `assets.py`: what an operator chose, and how it becomes files.
- `languages.py`, `sentences.py`: the language of a page, its sentences, and times in it.
- `scope_words.py`: scopes in words for users.
- `policy.py`: the Content-Security-Policy.
- `forms.py`, `inputs.py`: forms with their fields, and the check against forms of other sites.
"""

from web.pages.forms import (
    PageForm,
    accept_former_token,
    forget_form_tokens,
    guard_forms,
    renew_form_token,
    shows_form_again,
    without_form_check,
)
from web.pages.kept_pages import render_kept_page
from web.pages.languages import N_, prefer_languages
from web.pages.look import TemplateRefused, add_look, current_look
from web.pages.policy import form_target
from web.pages.rendering import error_page, form_post_page, render_page, wants_html
from web.pages.scope_words import ScopeWords, scope_words
from web.pages.theme import Link, Theme

__all__ = [
    "N_",
    "Link",
    "PageForm",
    "ScopeWords",
    "TemplateRefused",
    "Theme",
    "accept_former_token",
    "add_look",
    "current_look",
    "error_page",
    "forget_form_tokens",
    "form_post_page",
    "form_target",
    "guard_forms",
    "prefer_languages",
    "render_kept_page",
    "render_page",
    "renew_form_token",
    "scope_words",
    "shows_form_again",
    "wants_html",
    "without_form_check",
]
