"""Colours that can be read: contrast, and colours made from one that an operator chose (WCAG 2.2, 1.4.3)."""

TEXT_CONTRAST = 4.5
"""The least contrast between a text and what is behind it (WCAG 2.2, 1.4.3, level AA)."""

WHITE, BLACK = "#ffffff", "#000000"
_MIXING_STEPS = 50


def contrast(one: str, other: str) -> float:
    """Compute the contrast of two colours, from 1 to 21 (WCAG 2.2, contrast ratio).

    Args:
        one: A colour, as #rrggbb.
        other: Another colour.
    """
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_color_on(background: str) -> str:
    """Choose white or black, whichever can be read better; the better one always has a contrast of 4.5.

    Args:
        background: A colour, as #rrggbb.
    """
    return max(WHITE, BLACK, key=lambda color: contrast(color, background))


def readable(color: str, background: str, ratio: float = TEXT_CONTRAST) -> str:
    """Darken or lighten a colour until it can be read as text.

    Args:
        color: The colour, as #rrggbb.
        background: What is behind the text.
        ratio: The least contrast.

    Returns:
        The nearest mix with black or white that has the contrast.
    """
    target = text_color_on(background)
    mixed = (_mix(color, target, step / _MIXING_STEPS) for step in range(_MIXING_STEPS + 1))
    return next(each for each in mixed if contrast(each, background) >= ratio)


def _channels(color: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(color.removeprefix("#"))
    return red, green, blue


def _luminance(color: str) -> float:
    """The relative luminance of a colour (WCAG 2.2)."""
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - as in WCAG
        for share in (channel / 255 for channel in _channels(color))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mix(color: str, other: str, share: float) -> str:
    mixed = (
        round(ours + (theirs - ours) * share)
        for ours, theirs in zip(_channels(color), _channels(other), strict=True)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)
