"""User codes of the device grant (RFC 8628, 6.1): letters that a person copies from one screen to another.

The alphabet has no vowels, so that no code is a word, and none of the characters that look alike (`0` and
`O`, `1` and `I`). Eight of its 20 letters have 34.5 bits. Every code could be tried against a plain digest in
seconds, so the digest is keyed: a dump of the database reveals no code. The code of the device itself is a
handle (`handles.py`).
"""

import hmac
import secrets
import unicodedata
from collections.abc import Sequence

ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LENGTH = 8
_GROUP = LENGTH // 2
# Longer text is no code, however it is written. This bounds the work for a form that is full of junk.
_MAX_TYPED = 64


class UserCodes:
    """Makes user codes and their digests under the server's keys: the first key makes, all are looked up."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take the keys.

        Args:
            keys: of the server's key ring, the current one first.
        """
        self._keys = tuple(keys)

    def digest(self, code: str) -> bytes:
        """The digest under which a new code is stored.

        Args:
            code: as `new_user_code` or `read_user_code` returned it.
        """
        return self.digests(code)[0]

    def digests(self, code: str) -> Sequence[bytes]:
        """Every digest under which a code may be stored: one for each key of the ring.

        Args:
            code: as `read_user_code` returned it.
        """
        return [hmac.digest(key, code.encode("ascii"), "sha256") for key in self._keys]


def new_user_code() -> str:
    """A new random code, without its dash."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def shown_user_code(code: str) -> str:
    """A code as people see it: two groups with a dash between them.

    Args:
        code: as `new_user_code` or `read_user_code` returned it.
    """
    return f"{code[:_GROUP]}-{code[_GROUP:]}"


def read_user_code(typed: str) -> str | None:
    """The code that a person typed, None if it cannot be one.

    Case does not matter, and spaces, dashes and other punctuation are dropped (RFC 8628, 6.1). So are the
    invisible characters that come with copied text.

    Args:
        typed: as it was sent.
    """
    if len(typed) > _MAX_TYPED:
        return None
    # Full-width letters become plain ones: some keyboards type them.
    letters = [each for each in unicodedata.normalize("NFKC", typed).upper() if each.isalnum()]
    is_code = len(letters) == LENGTH and all(each in ALPHABET for each in letters)
    return "".join(letters) if is_code else None
