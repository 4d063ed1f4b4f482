"""Root keys that can be guessed are refused, and random keys are not."""

import math
import secrets
import string
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import pytest

from settings.weak_keys import KEY_MIN_LENGTH, MAX_STEPS, MIN_ENTROPY, PHRASES, weakness

HEX = 16


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("x" * 32, "repeats itself"),
        ("abc" * 11, "repeats itself"),
        ("0123456789abcdef" * 2, "repeats itself"),
        ("q7Zt2LxV9mPw4RbN8sHcD3yKf6UjX1aG" * 2, "repeats itself"),
        ("q7Zt2LxV9mPw4RbNq7Zt2LxV9mPw4RbNq7Zt", "repeats itself"),
        ("abcdefghijklmnopqrstuvwxyz012345", "follows the alphabet"),
        ("0123456789ABCDEFGHIJKLMNOPQRSTUV", "follows the alphabet"),
        ("zyxwvutsrqponmlkjihgfedcba987654", "follows the alphabet"),
        ("11111111222222223333333344444444", "follows the alphabet"),
        ("x" * 31 + "y", "follows the alphabet"),
        ("0a0a0a0a0a0a0a0a0a0a0a0a0a0a0b0a0c", "has too few different characters"),
        ("a7a7777aa77aaa7a77a7aa7a7aaa77a7", "has too few different characters"),
        ("192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf", "stands in public"),
        ("a-string-secret-at-least-256-bits-long", "stands in public"),
        ("CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET", "holds a phrase"),
        ("change-me-q7Zt2LxV9mPw4RbN8sHcD3yKf6", "holds a phrase"),
        ("YOUR_OWN_RANDOM_GENERATED_SECRET_KEY", "holds a phrase"),
        ("my_super_secret_password_for_the_server", "holds a phrase"),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "holds a phrase"),
        ("qwertyuiopasdfghjklzxcvbnm1234567890", "holds a phrase"),
    ],
)
def test_guessable_key_is_refused(key: str, reason: str) -> None:
    """The sentence has the reason, and no part of the key."""
    fault = weakness(key)
    assert fault is not None
    assert fault.startswith(reason)
    assert len(key) >= KEY_MIN_LENGTH


ALPHABETS = {
    "hexadecimal": (string.hexdigits[:16], 32),
    "base64": (string.ascii_letters + string.digits + "+/", 43),
    "letters": (string.ascii_lowercase, 32),
    "printable": (string.ascii_letters + string.digits + string.punctuation, 32),
}


@pytest.mark.parametrize(("alphabet", "length"), ALPHABETS.values(), ids=list(ALPHABETS))
def test_random_key_is_accepted(alphabet: str, length: int) -> None:
    """Keys from a random generator pass."""
    for _ in range(2000):
        assert weakness("".join(secrets.choice(alphabet) for _ in range(length))) is None


def partitions(total: int, most: int, parts: int) -> Iterator[tuple[int, ...]]:
    """Every way to write a total as a sum of at most `parts` numbers, the greatest first."""
    if total == 0:
        yield ()
    elif parts:
        for first in range(min(total, most), 0, -1):
            for rest in partitions(total - first, first, parts - 1):
                yield (first, *rest)


def chance_of_low_entropy(length: int) -> Fraction:
    """The exact probability that a random hexadecimal key has too little entropy."""
    chance = Fraction(0)
    for counts in partitions(length, length, HEX):
        entropy = -sum(count / length * math.log2(count / length) for count in counts)
        if entropy < MIN_ENTROPY:
            orders = math.factorial(length)
            for count in counts:
                orders //= math.factorial(count)
            which = math.perm(HEX, len(counts))
            for same in Counter(counts).values():
                which //= math.factorial(same)
            chance += Fraction(orders * which, HEX**length)
    return chance


def test_no_random_key_is_refused_by_chance() -> None:
    """Of random keys of 32 hexadecimal digits, the weakest that are accepted, one in 10^11 is refused."""
    length = KEY_MIN_LENGTH
    steps = length - 1
    # 14 pairs of neighbours either way, and 16 of the same, of 256.
    near = Fraction(44, 256)
    long_runs = sum(
        math.comb(steps, count) * near**count * (1 - near) ** (steps - count)
        for count in range(math.ceil(MAX_STEPS * steps), steps + 1)
    )
    repeats = sum(Fraction(1, HEX ** (length - period)) for period in range(1, length // 2 + 1))
    assert chance_of_low_entropy(length) + long_runs + repeats < Fraction(1, 10**11)


def test_random_key_contains_no_phrase() -> None:
    """Of random keys in base64 (43 characters), fewer than one in 10^9 holds a phrase, in capitals or not."""
    chance = sum((43 - len(phrase) + 1) * Fraction(2, 64) ** len(phrase) for phrase in PHRASES)
    assert chance < Fraction(1, 10**9)
