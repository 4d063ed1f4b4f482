"""The cookie that keeps a device's code while its user signs in.

A code in the address of a page would be stored with the sign-in that waits for the user. The cookie stays in
the browser, ends with the code, and decides nothing: the page asks in any case.
"""

from typing import Final

from flask import Response, request

from oauth import read_user_code, shown_user_code

_COOKIE: Final = "__Host-device"
_SECONDS: Final = 600


def keep_code(response: Response, typed: str) -> Response:
    """Keep a code in the browser. Text that cannot be a code is not kept.

    Args:
        response: carries the cookie.
        typed: as the user typed it, or as the address has it.
    """
    code = read_user_code(typed)
    if code is not None:
        response.set_cookie(
            _COOKIE, code, max_age=_SECONDS, path="/", secure=True, httponly=True, samesite="Lax"
        )
    return response


def kept_code() -> str:
    """The kept code as people see it; empty if there is none."""
    code = read_user_code(request.cookies.get(_COOKIE, ""))
    return "" if code is None else shown_user_code(code)


def forget_code(response: Response) -> Response:
    """Take the cookie away, if the browser has one.

    Args:
        response: carries the change.
    """
    if _COOKIE in request.cookies:
        response.delete_cookie(_COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
    return response
