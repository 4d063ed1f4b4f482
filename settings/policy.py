"""The settings of policy, typed, with their defaults and the reason for each.

Owns: those of `Settings` that say who may log in at all, and how long it is remembered. Must not know: any of
our packages, and the other settings.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from settings import fields as values

_RULE = re.compile(r"(group|affiliation):\s*\S.*")
# A DN may hold commas and spaces; a semicolon in one is escaped (RFC 4514, 2.4).
_BETWEEN = re.compile(r"(?<!\\)[;\n]")


def members(value: object) -> tuple[str, ...]:
    """Read rules about people: an array, or a text with semicolons between. Raises ValueError for a slip."""
    given = value if isinstance(value, list | tuple) else _BETWEEN.split(values.text(value))
    rules = tuple(rule for each in given if (rule := values.text(each).strip()))
    if (value and not rules) or not all(_RULE.fullmatch(rule) and rule.isprintable() for rule in rules):
        raise ValueError("must be rules group:DN or affiliation:NAME, semicolons between")
    return rules


_Members = Annotated[tuple[str, ...], BeforeValidator(members)]


class PolicySettings(BaseSettings):
    """What the operator decided of people, and of what is known of them."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    refuse_members: _Members = ()
    """Who gets no token by password, whatever the program: rules group:DN or affiliation:NAME, semicolons
    between; administrators, or whoever has a second factor, which the grant would go around."""
    allow_members: _Members = ()
    """Who alone gets a token by password; rules as above. Else everyone whom the directory accepts."""
    audit_retention: Annotated[int, Field(ge=1, le=36_500), values.NUMBER] = 400
    """Days that the audit table remembers; flask token purge deletes what is older."""
