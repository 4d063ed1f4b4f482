"""Server keys that somebody could guess, because no random generator made them.

Owns: what a root key must be. Must not know: where keys come from, what is derived from them.

Each rule refuses a random key of 32 hexadecimal digits or more (or of any larger alphabet) in fewer than one
of a billion cases; `docs/decisions/0028-private-files-and-keys.md` has the figures.
"""

import math
import re
from collections import Counter
from itertools import pairwise

KEY_MIN_LENGTH = 32
"""Characters. 32 hexadecimal digits are 128 bits, the least that a root of all keys may have."""

# Bits a character, as the key itself spreads its characters. A random hexadecimal key has 3.5.
_LEAST_ENTROPY = 2.2
# The part of all steps from one character to the next that may be to itself or a neighbour (abc, 321, xxx).
_MOST_STEPS = 0.75
# Of eight letters or more each: shorter ones could stand in a random key.
_PHRASES = (
    "changeme",
    "changethis",
    "defaultkey",
    "examplekey",
    "insecure",
    "mysecret",
    "password",
    "placeholder",
    "qwertyui",
    "replaceme",
    "replacethis",
    "samplekey",
    "secretkey",
    "yoursecret",
)
# Examples in the documentation of Flask and FastAPI, on jwt.io, and in RFC 7515 (A.1.1) and RFC 7520 (3.5).
_PUBLISHED = frozenset(
    {
        "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "a-string-secret-at-least-256-bits-long",
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
    }
)


def weakness(key: str) -> str | None:
    """Say why a key could be guessed.

    Args:
        key: a root key of `KEY_MIN_LENGTH` characters or more.

    Returns:
        The rest of a sentence about the key, without any part of it; None when nothing speaks against it.
    """
    if key in _PUBLISHED:
        return "stands in public documentation"
    if any(phrase in re.sub(r"[\W_]", "", key.lower()) for phrase in _PHRASES):
        return "holds a phrase that stands for a key"
    if _repeats(key):
        return "repeats itself"
    if _steps(key) >= _MOST_STEPS:
        return "follows the alphabet"
    if _entropy(key) < _LEAST_ENTROPY:
        return "has too few different characters"
    return None


def _repeats(key: str) -> bool:
    """Whether the key is a shorter text over and over, the last time perhaps cut off."""
    return any(key.startswith(key[period:]) for period in range(1, len(key) // 2 + 1))


def _steps(key: str) -> float:
    """The part of the characters that follow themselves or a neighbour in the alphabet."""
    near = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(key))
    return near / (len(key) - 1)


def _entropy(key: str) -> float:
    """Shannon's entropy of the key's characters, in bits a character."""
    return -sum(count / len(key) * math.log2(count / len(key)) for count in Counter(key).values())
