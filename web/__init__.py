"""The Flask application, and its routes outside OAuth: pages for people, sample resources, health.

Owns: those routes, the answers to errors outside the endpoints, and the WSGI middlewares that know HTTP. Must
not know: the directory package, ldap3, SQL text, the settings object. Start reading at `application.py`.

- `application.py`: the Flask application; its URLs, and the endpoints that it answers faster.
- `answer_headers.py`, `forwarded.py`: WSGI middlewares. The first adds the headers of every answer, with the
  request's id; the second reads proxies' headers.
- `signed_session.py`: the signed cookie that holds the token of forms.
- `front_page.py`, `health.py`, `samples.py`: the routes.
- `errors.py`: answers to errors, as a page or JSON.
- `pages/`: what all pages for people share. `signin/`: the authorization endpoint, sign-in and consent.
- `device/`: the page for a device's code. `me/`: the user's own page. `logout/`: signing out.
"""

from web.answer_headers import AnswerHeaders
from web.application import Application
from web.errors import answer_every_error
from web.forwarded import behind_proxies
from web.front_page import front_page
from web.health import health
from web.pages import Link, TemplateRefused, Theme, add_look
from web.samples import resources

__all__ = [
    "AnswerHeaders",
    "Application",
    "Link",
    "TemplateRefused",
    "Theme",
    "add_look",
    "answer_every_error",
    "behind_proxies",
    "front_page",
    "health",
    "resources",
]
