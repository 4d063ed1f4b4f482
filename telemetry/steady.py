"""What keeps a log from harming what it tells of."""

import contextlib
from types import TracebackType
from typing import TextIO

_MOST_LINKS = 8


class SteadyStream:
    """A text stream whose writes never raise: on a full disk or a closed pipe a line is lost, not a request.

    The audit row, which is in the token's own transaction, does not depend on it.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, or lose it."""
        with contextlib.suppress(OSError, ValueError):
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        """Flush, or do without."""
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def outline(error: BaseException) -> dict[str, object]:
    """An exception without its message, which may hold what a person typed: its kinds and its places.

    Args:
        error: as it was caught; what it came from is told too, the first cause last.
    """
    kinds: list[str] = []
    places: list[str] = []
    link: BaseException | None = error
    while link is not None and len(kinds) < _MOST_LINKS:
        kinds.append(type(link).__qualname__)
        places += _places(link.__traceback__)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return {"exception": " from ".join(kinds), "places": places}


def _places(trace: TracebackType | None) -> list[str]:
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next
    return found
