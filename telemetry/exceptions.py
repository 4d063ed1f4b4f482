"""What may be told of an exception: its kinds and its places, never its words."""

from types import TracebackType

_MOST_LINKS = 8


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
