"""The family of a client program, by its User-Agent (RFC 9110, 10.1.5).

Reports say what a program seems to be. Only the family is stored, from a constant list: nothing of the header
itself, which may identify a device.
"""

FAMILY_LENGTH = 32
"""Characters of the column `user_agent` in the audit table."""

# In this order: a later token may be part of headers that an earlier one marks. Edge and Chrome call
# themselves Safari too, and every browser Mozilla.
_MARKS = (
    ("python-requests", "python-requests"),
    ("python-urllib", "Python-urllib"),
    ("okhttp", "okhttp"),
    ("axios", "axios"),
    ("go-http-client", "Go-http-client"),
    ("windowspowershell", "PowerShell"),
    ("powershell", "PowerShell"),
    ("iphone", "iPhone"),
    ("ipad", "iPhone"),
    ("cfnetwork", "iPhone"),
    ("android", "Android"),
    ("dalvik", "Android"),
    ("edg/", "Edge"),
    ("edge/", "Edge"),
    ("firefox/", "Firefox"),
    ("chrome/", "Chrome"),
    ("chromium/", "Chrome"),
    ("safari/", "Safari"),
    ("curl/", "curl"),
    ("libcurl", "curl"),
    ("php", "PHP"),
    ("guzzle", "PHP"),
    ("ruby", "Ruby"),
    ("faraday", "Ruby"),
    ("java", "Java"),
    ("apache-httpclient", "Java"),
    ("undici", "node"),
    ("node", "node"),
)
OTHER = "other"
"""The family of every program that has no family of its own."""
FAMILIES = tuple(dict.fromkeys([*(family for _, family in _MARKS), OTHER]))
"""Every family that the audit may name."""

# A header beyond this length, or beyond this many distinct ones, is looked at each time.
_MAX_CACHED_LENGTH = 256
_MAX_CACHED = 512
_MAX_READ = 512
_known: dict[str, str] = {}


def family_of(header: str | None) -> str | None:
    """The family of the program that sent a User-Agent header; None without one.

    Args:
        header: the value of the header, which the client chose.
    """
    if not header:
        return None
    family = _known.get(header)
    return family or _find(header)


def _find(header: str) -> str:
    text = header[:_MAX_READ].casefold()
    family = next((family for mark, family in _MARKS if mark in text), OTHER)
    if len(header) <= _MAX_CACHED_LENGTH and len(_known) < _MAX_CACHED:
        _known[header] = family
    return family
