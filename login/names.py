"""One digest of all spellings of a login name that a directory may equate.

Owns: which spellings count as one, and the keyed digests by which failures are counted. Must not know: the
counts.

Directories compare names in different ways. OpenLDAP lowers the case and decomposes compatibility
characters. Active Directory also ignores accents, width, kana, and every character without a sort weight. If
no stable id is known before a bind, failures are counted by the name alone. So each spelling that finds an
entry must have one form. The form here is coarser than any of these comparisons. Names that share a form
share a count, and nothing else.
"""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from directory import MAX_NAME_CHARACTERS

_DIGEST_BYTES = 16
# All names that are too long count as this one, to which no name folds.
_TOO_LONG: Final = "\0"
_SPELLING: Final = "spelling:"
# No folded name begins with it.
_OF_APP_VALUES: Final = "\1"
# Strokes, hooks and tails are no combining marks: "LATIN SMALL LETTER L WITH STROKE" is an l.
_LATIN: Final = re.compile(
    r"LATIN (?:(?:SMALL|CAPITAL) (?:LETTER|LIGATURE)|LETTER SMALL CAPITAL) ([A-Z]{1,2})(?: WITH .*)?"
)
_DOTLESS: Final = re.compile(r"LATIN SMALL LETTER DOTLESS ([IJ])(?: WITH .*)?")
_LARGE_KANA: Final = "\u3042\u3044\u3046\u3048\u304a\u3064\u3084\u3086\u3088\u308f\u304b\u3051"
_FIRST_KATAKANA, _LAST_KATAKANA = "\u30a1", "\u30f6"
_TO_HIRAGANA: Final = 0x60
# Separate letters in Unicode, which Windows equates with two letters or with another one.
_SPELLED: Final = {
    "\N{LATIN SMALL LETTER AE}": "ae",
    "\N{LATIN SMALL LIGATURE OE}": "oe",
    "\N{LATIN SMALL LETTER THORN}": "th",
    "\N{LATIN SMALL LETTER ETH}": "d",
    # Small kana are another case of the large ones, and katakana of hiragana.
    **dict(
        zip(
            "\u3041\u3043\u3045\u3047\u3049\u3063\u3083\u3085\u3087\u308e\u3095\u3096",
            _LARGE_KANA,
            strict=True,
        )
    ),
    # Letters to Unicode, though nobody sees them.
    "\N{HANGUL CHOSEONG FILLER}": "",
    "\N{HANGUL JUNGSEONG FILLER}": "",
}
# OpenLDAP decomposes syllables by arithmetic (Unicode, section 3.12), beyond the last one of them.
_FIRST_HANGUL: Final = 0xAC00
_AFTER_HANGUL, _END_OF_HANGUL = "\ud7a4", "\ud800"
_LEADING, _VOWEL, _TRAILING = 0x1100, 0x1161, 0x11A7
_VOWELS_AND_TRAILING, _TRAILING_COUNT = 588, 28
_ASCII_SPACES: Final = re.compile(r"[\0-\x20\x7f]+")
_KEPT: Final = frozenset({"Ll", "Lo", "Lt", "Lu", "Nd", "Nl", "No"})


class Names:
    """Makes one digest of all spellings of a login name."""

    def __init__(self, key: bytes, realms: Collection[str] = ()) -> None:
        """Take the key and the realms.

        Args:
            key: of the digests.
            realms: realms that the directory removes from a name, behind `@` or before a backslash.
        """
        # Copied for each name, so that the key is hashed once.
        self._keyed = hmac.new(key, digestmod=hashlib.sha256)
        self._realms = {folded(realm) for realm in realms} - {""}

    def digest(self, typed: str) -> bytes:
        """A keyed digest of the name, without case, accents, spaces, realm and invisible characters.

        It is coarser than any directory's own comparison: names may share a count, and no name has two. All
        names that are too long for a login share one digest, which costs nothing to make.

        Args:
            typed: the login name as typed.
        """
        return self._digest_of(self._form_of(typed))

    def app_password_digest(self, typed: str) -> bytes:
        """A keyed digest like `digest`, under which wrong app passwords are counted.

        It differs from every `digest`, so that the two counts of a name never meet.

        Args:
            typed: the login name as typed.
        """
        return self._digest_of(_OF_APP_VALUES + self._form_of(typed))

    def spelling(self, typed: str) -> str:
        """A keyed digest of the name exactly as typed, used in place of a stable id.

        Args:
            typed: the login name as typed.
        """
        exact = typed if len(typed) <= MAX_NAME_CHARACTERS else _TOO_LONG
        # No folded name holds a zero byte, so that this digest differs from all of `digest`.
        return _SPELLING + self._digest_of(f"\0{exact}").hex()

    def _form_of(self, typed: str) -> str:
        if len(typed) > MAX_NAME_CHARACTERS:
            return _TOO_LONG
        if typed.isascii() and typed.isalnum():
            return typed.lower()
        return self._without_realms(folded(typed))

    def _digest_of(self, text: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text.encode(errors="surrogatepass"))
        return keyed.digest()[:_DIGEST_BYTES]

    def _without_realms(self, name: str) -> str:
        """Remove realms until none is left: a spelling may hide a realm from the directory."""
        while True:
            local, at, behind = name.rpartition("@")
            before, backslash, rest = name.partition("\\")
            if at and behind in self._realms:
                name = local
            elif backslash and before in self._realms:
                name = rest
            else:
                return name


def is_same_name(typed: str, net_id: str) -> bool:
    """Whether a typed name is certainly a Net ID, in whatever case and with white space around it.

    Of other names only the directory can tell.

    Args:
        typed: the login name as typed.
        net_id: the canonical login name.
    """
    if typed == net_id:
        return True
    if len(typed) > MAX_NAME_CHARACTERS or not typed.isascii():
        return False
    return typed.strip().lower() == net_id.lower()


def folded(text: str) -> str:
    """The one form of a name, whatever its case, width, accents, spaces and invisible characters.

    Of ASCII everything stays but case, spaces and control characters. Of the rest only letters and digits
    stay that Unicode 3.2 knows (the version of RFC 4518, section 2.4). Older directories have no weight for a
    newer character, and ignore it.

    Args:
        text: a name that is not too long (`MAX_NAME_CHARACTERS`): the time that it takes grows with it.
    """
    if text.isascii():
        return _ASCII_SPACES.sub("", text).lower()
    # Upper case first: only this maps the dotless i to i, and the long s to s.
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).upper().casefold())
    return _ASCII_SPACES.sub("", "".join(map(_folded_character, apart)))


@lru_cache(maxsize=4096)
def _folded_character(character: str) -> str:
    if _FIRST_KATAKANA <= character <= _LAST_KATAKANA:
        character = chr(ord(character) - _TO_HIRAGANA)
    if character in _SPELLED:
        return _SPELLED[character]
    if _AFTER_HANGUL <= character < _END_OF_HANGUL:
        return _as_hangul(ord(character) - _FIRST_HANGUL)
    if character.isascii():
        return character
    if unicodedata.category(character) not in _KEPT:
        return ""
    name = unicodedata.name(character, "")
    latin = _LATIN.fullmatch(name) or _DOTLESS.fullmatch(name)
    if latin:
        return latin[1].lower()
    return "" if unicodedata.ucd_3_2_0.category(character) == "Cn" else character


def _as_hangul(place: int) -> str:
    leading, rest = divmod(place, _VOWELS_AND_TRAILING)
    vowel, trailing = divmod(rest, _TRAILING_COUNT)
    return chr(_LEADING + leading) + chr(_VOWEL + vowel) + (chr(_TRAILING + trailing) if trailing else "")
