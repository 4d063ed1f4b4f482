"""What a program learns or may do, in words for the user: one line for each scope."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from web.pages.languages import N_, translated

# The scopes that the server itself defines.
_WORDS: Mapping[str, str] = {
    "openid": N_("Recognise you when you come back"),
    "profile": N_("See your name and your Net ID"),
    "email": N_("See your email address"),
    "address": N_("See your postal address"),
    "phone": N_("See your phone number"),
    "groups": N_("See the groups that you belong to"),
    "eduperson": N_("See what you are here, such as a student or an employee"),
    "offline_access": N_("Keep this access while you are away, until you end it"),
    "default": N_("Act with your basic rights"),
    "echo": N_("Use the sample service of this server"),
}
_OTHER = N_("Use the permission:")


class ScopeWords(NamedTuple):
    """One scope: its name, and what it allows in words. `shows_name`: the words do not tell it alone."""

    name: str
    words: str
    shows_name: bool = False


def scope_words(scope: str, descriptions: Mapping[str, str]) -> Sequence[ScopeWords]:
    """Say in the page's language what each scope allows.

    Args:
        scope: Scopes, spaces between.
        descriptions: What operators wrote about registered scopes, by name. It wins over our own words.
    """
    return [_words(name, descriptions.get(name, "")) for name in dict.fromkeys(scope.split())]


def _words(name: str, description: str) -> ScopeWords:
    if description:
        return ScopeWords(name, description)
    if name in _WORDS:
        return ScopeWords(name, translated(_WORDS[name]))
    return ScopeWords(name, translated(_OTHER), shows_name=True)
