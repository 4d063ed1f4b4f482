"""A user's browser at the pages about app passwords."""

import re

from werkzeug.test import TestResponse

from tests.web.test_me import ORIGIN, Visitor, token_in

NEW = "/me/app-passwords/new"
VALUE = re.compile(r"nidp_[A-Za-z0-9_-]{49}")
_HIDDEN = re.compile(r'<input[^>]*name="(seen|form_id)"[^>]*>')
_VALUE_OF = re.compile(r'value="([^"]*)"')


class OwnVisitor(Visitor):
    """A browser that makes app passwords."""

    def open(self, program: str | None = None, path: str = NEW) -> TestResponse:
        """Open the page for a program, without following redirects."""
        query = {} if program is None else {"program": program}
        return self.http.get(path, base_url=ORIGIN, query_string=query)

    def form(self, program: str) -> dict[str, str]:
        """The hidden fields of the form for a program."""
        page = self.open(program)
        assert page.status_code == 200, page.text
        return {"csrf_token": token_in(page.text), **hidden_in(page.text)}

    def send(self, program: str, form: dict[str, str], **typed: object) -> TestResponse:
        """Send a form with what the user typed."""
        wish = {"label": "script", "days": "30", "scope": ["profile", "email"], "networks": "", **typed}
        return self.http.post(NEW, base_url=ORIGIN, query_string={"program": program}, data={**form, **wish})

    def make(self, program: str, **typed: object) -> str:
        """Make an app password, and return its value."""
        answer = self.send(program, self.form(program), **typed)
        assert answer.status_code == 200, answer.text
        return value_in(answer.text)

    def sign_in_again(self, answer: TestResponse, net_id: str, password: str | None = None) -> TestResponse:
        """Type the password on the sign-in page that an answer leads to."""
        assert answer.status_code == 303, answer.text
        page = self.http.get(answer.location, base_url=ORIGIN)
        assert 'id="sign-in"' in page.text, page.text
        typed = {
            "username": net_id,
            "password": f"{net_id}-password" if password is None else password,
            "csrf_token": token_in(page.text),
        }
        return self.http.post(answer.location, base_url=ORIGIN, data=typed)


def hidden_in(page: str) -> dict[str, str]:
    """The hidden fields of the form in a page, by name."""
    found = {}
    for tag in _HIDDEN.finditer(page):
        value = _VALUE_OF.search(tag[0])
        assert value, tag[0]
        found[tag[1]] = value[1]
    return found


def value_in(page: str) -> str:
    """The app password that a page shows."""
    found = VALUE.findall(page)
    assert len(found) == 1, page
    return str(found[0])
