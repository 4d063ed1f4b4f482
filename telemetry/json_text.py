"""JSON as answers, log lines and columns are written: ASCII, on one line, by an encoder that is made once.

`json.dumps` makes one anew at each call, for twice the time.
"""

from json.encoder import c_make_encoder, encode_basestring_ascii  # type: ignore[attr-defined]


def json_text(value: object) -> str:
    """What `json.dumps` makes of a value (RFC 8259).

    Args:
        value: what JSON can say; it holds itself nowhere.

    Raises:
        TypeError: it holds what JSON cannot say.
    """
    return "".join(_encode(value, 0))


def _refuse(value: object) -> object:
    raise TypeError(f"{type(value).__name__} is nothing that JSON can say")


_encode = c_make_encoder(
    markers=None,
    default=_refuse,
    encoder=encode_basestring_ascii,
    indent=None,
    key_separator=": ",
    item_separator=", ",
    sort_keys=False,
    skipkeys=False,
    allow_nan=True,
)
