"""Scopes in words, as consent and the user's own page show them."""

import pytest

from oauth.policy.scope import BUILT_IN
from tests.conftest import Site
from web.pages import scope_words
from web.pages.languages import LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_scope_of_ours_has_words(site: Site, language: str) -> None:
    """Each scope that the server defines is said in words, in every language."""
    with site.app.test_request_context(headers={"Accept-Language": language}):
        for name in (*BUILT_IN, "offline_access", "address", "phone", "default"):
            (found,) = scope_words(name, {})
            assert not found.shows_name
            assert len(found.words.split()) > 2


def test_words_of_the_operator_win(site: Site) -> None:
    """A description of a registered scope replaces our words; a scope without one shows its name."""
    with site.app.test_request_context():
        found = scope_words("email payroll other email", {"email": "Write to you", "payroll": "See your pay"})
    assert [(each.name, each.words, each.shows_name) for each in found] == [
        ("email", "Write to you", False),
        ("payroll", "See your pay", False),
        ("other", "Use the permission:", True),
    ]
