"""The Flask application, and what it serves beside the protocol: front page, sample resources, health.

Owns: pages and resources that people and programs see, answers to errors and to requests that no endpoint
takes, and the WSGI middlewares. Must not know: the directory package, ldap3, SQL text, the settings object.
Start reading at `machine_endpoints.py`.
"""

from web.deadline import UnderDeadline
from web.errors import answer_every_error
from web.forwarded import behind_proxies
from web.front_page import front_page
from web.health import health
from web.machine_endpoints import Application
from web.samples import resources
from web.security_headers import SecurityHeaders

__all__ = [
    "Application",
    "SecurityHeaders",
    "UnderDeadline",
    "answer_every_error",
    "behind_proxies",
    "front_page",
    "health",
    "resources",
]
