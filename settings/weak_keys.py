"""Refuses server keys that can be guessed, because no random generator made them.

Owns: the rules that a root key must meet. Must not know: where keys come from, what is derived from them.

Each rule refuses fewer than one in a billion random keys of 32 or more hexadecimal digits, or of a larger
alphabet. `docs/decisions/0028-private-files-and-keys.md` has the figures.
"""

import math
import re
from collections import Counter
from itertools import pairwise

KEY_MIN_LENGTH = 32
"""Characters. 32 hexadecimal digits have 128 bits, the minimum for a root key."""

# Bits per character, by the frequencies of characters in the key. A random hexadecimal key has 3.5.
MIN_ENTROPY = 2.2
# The share of characters that may equal the previous one or be its neighbour in the alphabet (abc, 321, xxx).
MAX_STEPS = 0.75
# Each has eight letters or more: a shorter one may occur in a random key.
PHRASES = (
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
    """Find out why a key can be guessed.

    Args:
        key: A root key of `KEY_MIN_LENGTH` characters or more.

    Returns:
        The rest of a sentence about the key, without any part of it. None if the key passes.
    """
    if key in _PUBLISHED:
        return "stands in public documentation"
    if any(phrase in re.sub(r"[\W_]", "", key.lower()) for phrase in PHRASES):
        return "holds a phrase that stands for a key"
    if _repeats(key):
        return "repeats itself"
    if _steps(key) >= MAX_STEPS:
        return "follows the alphabet"
    if _entropy(key) < MIN_ENTROPY:
        return "has too few different characters"
    return None


def _repeats(key: str) -> bool:
    """Whether the key is a shorter text repeated, whose last copy may be cut off."""
    return any(key.startswith(key[period:]) for period in range(1, len(key) // 2 + 1))


def _steps(key: str) -> float:
    """The share of characters that equal the previous one or are its neighbour in the alphabet."""
    near = sum(abs(ord(one) - ord(other)) <= 1 for one, other in pairwise(key))
    return near / (len(key) - 1)


def _entropy(key: str) -> float:
    """Shannon's entropy of the key, in bits per character."""
    return -sum(count / len(key) * math.log2(count / len(key)) for count in Counter(key).values())
