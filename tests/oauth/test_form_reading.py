"""A form is read as the standard library reads it, or refused."""

from contextlib import suppress
from urllib.parse import parse_qsl

import pytest
from authlib.oauth2 import OAuth2Error
from flask import Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder

from oauth.token_request import ParameterNames, read_parameters

NAMES = ("username", "password", "scope", "token")
ODD = ("%", "%2B", "%26", "%3d", "%C3%A9", "%FF", "%00", "%2500", "é", " ", ";", "\0")
PIECES = st.sampled_from([*NAMES, "&", "&", "=", "=", "+", *ODD])


def read(body: str) -> dict[str, str]:
    """The parameters that the strict parser reads from a body."""
    made = EnvironBuilder(
        method="POST", content_type="application/x-www-form-urlencoded", data=body.encode()
    ).get_environ()
    return dict(read_parameters(Request(made), ParameterNames(frozenset(NAMES), frozenset())).once)


@given(st.lists(PIECES, max_size=24).map("".join))
def test_form_is_read_as_by_parse_qsl(body: str) -> None:
    """Names and values are those of `parse_qsl`; bad UTF-8, repeated names and NUL are refused."""
    pairs: list[tuple[str, str]] = []
    refused = True
    with suppress(UnicodeDecodeError):
        pairs = parse_qsl(body, keep_blank_values=True, errors="strict")
        refused = any("\0" in text for pair in pairs for text in pair)
    known = [(name, value) for name, value in pairs if name in NAMES]
    if refused or len(dict(known)) < len(known):
        with pytest.raises(OAuth2Error):
            read(body)
    else:
        assert read(body) == {name: value for name, value in known if value or name == "password"}
