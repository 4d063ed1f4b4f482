"""Every text of the pages is in every catalogue, translated and compiled."""

import re
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from tests.servers.netid import PROJECT

TRANSLATIONS = PROJECT / "web" / "translations"
CATALOGUES = sorted(TRANSLATIONS.glob("*/LC_MESSAGES/messages.po"))
KEYWORDS = {**DEFAULT_KEYWORDS, "N_": None, "lazy_gettext": None, "_l": None}
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def read(path: Path) -> Catalog:
    """Read a catalogue."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def strings(message: Message) -> list[str]:
    """The translation of a text, in each of its forms."""
    return (
        [message.string]
        if isinstance(message.string, str)
        else [str(each) for each in message.string or [""]]
    )


def texts_of_the_pages() -> set[str]:
    """Extract every text from code and templates, as `make translations` does."""
    with (TRANSLATIONS / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)  # type: ignore[no-untyped-call]
    found = extract_from_dir(PROJECT, methods, options, KEYWORDS)
    return {message if isinstance(message, str) else message[0] for _, _, message, *_ in found}


def test_german_is_there() -> None:
    """The next tests do not hold of nothing."""
    assert "de" in [path.parts[-3] for path in CATALOGUES]
    assert "There is nothing here." in texts_of_the_pages()


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
class TestCatalogue:
    """One language."""

    def test_has_every_text(self, path: Path) -> None:
        """No text is missing, and none is left that no page has. `make translations` brings it up to date."""
        listed = {each.id if isinstance(each.id, str) else each.id[0] for each in read(path) if each.id}
        assert listed == texts_of_the_pages()

    def test_every_text_is_translated(self, path: Path) -> None:
        """No translation is empty or only guessed."""
        open_texts = [each.id for each in read(path) if each.id and (each.fuzzy or not all(strings(each)))]
        assert open_texts == []

    def test_placeholders_are_those_of_the_text(self, path: Path) -> None:
        """A translation has the placeholders of its text: a wrong one would be an error in a page."""
        wrong = [
            each.id
            for each in read(path)
            if isinstance(each.id, str)
            and isinstance(each.string, str)
            and each.id
            and sorted(PLACEHOLDER.findall(each.id)) != sorted(PLACEHOLDER.findall(each.string))
        ]
        assert wrong == []

    def test_compiled_catalogue_is_up_to_date(self, path: Path) -> None:
        """What the server reads was made from the translations."""
        compiled = BytesIO()
        write_mo(compiled, read(path))
        assert path.with_suffix(".mo").read_bytes() == compiled.getvalue()
