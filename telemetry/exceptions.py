"""Outlines of exceptions: their kinds and places, never their messages."""

from types import TracebackType

_MAX_CHAINED_EXCEPTIONS = 8


def outline(error: BaseException) -> dict[str, object]:
    """Outline an exception without its message, which may hold what a user typed.

    Args:
        error: The exception. Its causes are outlined too, the first cause last.
    """
    kinds: list[str] = []
    places: list[str] = []
    link: BaseException | None = error
    while link is not None and len(kinds) < _MAX_CHAINED_EXCEPTIONS:
        kinds.append(type(link).__qualname__)
        places += _places(link.__traceback__)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return {"exception": " from ".join(kinds), "places": places}


def _places(trace: TracebackType | None) -> list[str]:
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_qualname}")
        trace = trace.tb_next
    return places
