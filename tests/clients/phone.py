"""A user's phone for tests without a browser: it follows redirects, and sends the forms of pages."""

import re
from html import unescape
from urllib.parse import urljoin

import requests

from tests.clients.conftest import Service

_INPUT = re.compile(r"<input[^>]*>")
_ATTRIBUTE = re.compile(r'([a-z_-]+)="([^"]*)"')
_ACTION = re.compile(r'<form[^>]*action="([^"]*)"')


class Phone:
    """A browser without scripts. `page` is what it shows."""

    def __init__(self, service: Service) -> None:
        self._http = requests.Session()
        self._http.verify = str(service.ca)
        self._http.headers["Accept"] = "text/html"
        self.page = requests.Response()

    def open(self, url: str) -> None:
        """Open a page."""
        self.page = self._http.get(url, timeout=10)

    def send(self, **fields: str) -> None:
        """Fill in the form of the page and send it."""
        action = _ACTION.search(self.page.text)
        form = {}
        for field in _INPUT.findall(self.page.text):
            attributes = dict(_ATTRIBUTE.findall(field))
            form[attributes["name"]] = unescape(attributes.get("value", ""))
        url = urljoin(self.page.url, unescape(action[1]) if action else "")
        self.page = self._http.post(url, data={**form, **fields}, timeout=10)

    def sign_in(self, net_id: str = "alice") -> None:
        """Type name and password, as on every demo account."""
        self.send(username=net_id, password=f"{net_id}-password")
