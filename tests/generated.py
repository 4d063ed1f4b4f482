"""How many examples a generated test tries: the usual number, or ten times as many in `make test-all`."""

from hypothesis import settings

USUAL = 100  # Hypothesis' own default, which the profile `thorough` multiplies by ten


def examples(usual: int) -> int:
    """Scale a test's own number of examples by the profile that pytest was started with.

    Args:
        usual: Examples that `make test` tries.

    Returns:
        `usual`, or ten times `usual` under the profile `thorough`.
    """
    return usual * settings().max_examples // USUAL
