"""What the settings of the pages accept: a colour, an image, links."""

from pathlib import Path

import pytest

from settings import load_settings
from tests.loading import REAL, load, mistakes, value_of

_COLOR = "must be a colour such as #1f4e8c"
_ORIGINS = "must be origins such as https://apps.example.edu https://*.example.edu"
_TWO_ORIGINS = ("https://a.example:8443", "https://*.b.example")
_LINKS = "must be links such as Help https://help.example.edu, semicolons between"


@pytest.mark.parametrize(
    ("setting", "value", "predicate"),
    [
        ("THEME_COLOR", "blue", _COLOR),
        ("THEME_COLOR", "#12345", _COLOR),
        ("THEME_COLOR", "#1f4e8c;}", _COLOR),
        ("THEME_COLOR_DARK", "rgb(1,2,3)", _COLOR),
        ("THEME_FOOTER_LINKS", "Help", _LINKS),
        ("CALLBACK_ORIGINS", "https:", _ORIGINS),
        ("CALLBACK_ORIGINS", "http://apps.example.edu", _ORIGINS),
        ("CALLBACK_ORIGINS", "https://*", _ORIGINS),
        ("CALLBACK_ORIGINS", "https://*.edu", _ORIGINS),
        ("CALLBACK_ORIGINS", "https://a.example.edu;script-src", _ORIGINS),
        ("CALLBACK_ORIGINS", "https://a.example.edu/path", _ORIGINS),
        ("THEME_FOOTER_LINKS", "https://help.example.edu", _LINKS),
        ("THEME_FOOTER_LINKS", "Help javascript:alert(1)", _LINKS),
        ("THEME_FOOTER_LINKS", "Help https://help.example.edu; Privacy", _LINKS),
        ("THEME_FOOTER_LINKS", " ; ", _LINKS),
        (
            "PASSWORD_HELP_URI",
            "javascript:alert(1)",
            "must be the URL of a page, such as https://www.example.edu/oauth",
        ),
    ],
)
def test_value_is_refused_in_one_sentence(tmp_path: Path, setting: str, value: str, predicate: str) -> None:
    """Nothing that could become code, or break a stylesheet, is accepted."""
    assert mistakes(tmp_path, {**REAL, f"NETID_{setting}": value}) == [f"NETID_{setting} {predicate}."]


@pytest.mark.parametrize(
    ("setting", "value", "kept"),
    [
        ("CAMPUS_NAME", "Universität <Ort>", "Universität <Ort>"),
        ("THEME_COLOR", "#ABCDEF", "#abcdef"),
        ("CALLBACK_ORIGINS", "https://a.example:8443 https://*.b.example", _TWO_ORIGINS),
        ("THEME_FOOTER_LINKS", "Help https://a.example", ("Help https://a.example",)),
        (
            "THEME_FOOTER_LINKS",
            "Get help https://a.example/?a=b; Privacy  https://b.example/ ;",
            ("Get help https://a.example/?a=b", "Privacy  https://b.example/"),
        ),
    ],
)
def test_value_is_accepted(tmp_path: Path, setting: str, value: str, kept: object) -> None:
    """What an operator may write is kept as it is, or in its one form."""
    settings = load_settings(tmp_path, {**REAL, f"NETID_{setting}": value})
    assert value_of(settings, setting.lower()) == kept


def test_links_may_be_an_array(tmp_path: Path) -> None:
    """The configuration file may have an array of links."""
    links = '["Help https://a.example", "Privacy https://b.example"]'
    settings = load(tmp_path, REAL, f"theme_footer_links = {links}")
    assert settings.theme_footer_links == ("Help https://a.example", "Privacy https://b.example")


def test_logo_is_an_image_that_can_be_read(tmp_path: Path) -> None:
    """A missing file, another kind of file and a huge one are refused; an image beside the file is found."""
    for name, octets in {"logo.svg": 10, "logo.html": 10, "huge.png": 1_000_001}.items():
        tmp_path.joinpath(name).write_bytes(b"x" * octets)
    settings = load(tmp_path, REAL, 'theme_logo_file = "logo.svg"')
    assert settings.theme_logo_file == tmp_path / "logo.svg"
    for name, words in {
        "none.svg": "does not exist",
        "logo.html": "must name an image: .gif, .jpeg, .jpg, .png, .svg, .webp",
        "huge.png": "must name an image of at most 1,000,000 octets",
    }.items():
        (mistake,) = mistakes(tmp_path, REAL, f'theme_logo_file = "{name}"')
        assert words in mistake
