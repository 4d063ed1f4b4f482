"""Times as users read them."""

from datetime import UTC, datetime

from flask_babel import format_date, format_time
from markupsafe import Markup


def moment(seconds: float) -> Markup:
    """Write a time to the minute in the page's language, as an element that programs can read too.

    Args:
        seconds: Seconds since the epoch.
    """
    instant = datetime.fromtimestamp(int(seconds), UTC)
    text = f"{format_date(instant, 'medium')}, {format_time(instant, 'short')} UTC"
    return Markup('<time datetime="{}">{}</time>').format(instant.strftime("%Y-%m-%dT%H:%M:%SZ"), text)
