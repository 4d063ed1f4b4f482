"""The cookie of a sign-in session, and the user of the current request.

Every page that needs a user asks here: `current_session`, and `require_sign_in` where there is none. A
cookie with this prefix comes from this host alone, over https (RFC 6265bis, 4.1.3.2).
"""

from typing import Final

from flask import Response, g, request, url_for

from web.pages import forget_form_tokens
from web.signin.desk import Active, current_desk, current_event

COOKIE: Final = "__Host-signin"
_FOUND: Final = "netid_sign_in_session"
_NEW_VALUE: Final = "netid_sign_in_cookie"
_SEE_OTHER: Final = 303
# Another node may have stored the sign-in by its own clock.
_CLOCK_SKEW_SECONDS: Final = 60


def current_session(*, groups: bool = False) -> Active | None:
    """The live session of the browser, or None. It is read once in each request.

    Args:
        groups: whether the person's groups are wanted.

    Raises:
        DirectoryUnavailable: the directory cannot say whether the user may still sign in: 503.
        StoreUnavailable: the database cannot say.
    """
    found: tuple[Active | None, bool] | None = g.get(_FOUND)
    if found is None or (groups and not found[1]):
        value = g.get(_NEW_VALUE) or request.cookies.get(COOKIE)
        active = (
            None
            if value is None
            else current_desk().sessions.current(value, event=current_event(), groups=groups)
        )
        found = (active, groups)
        setattr(g, _FOUND, found)
    return found[0]


def may_have_session() -> bool:
    """Whether the browser sent the cookie of a session, or gets one in this request."""
    return bool(g.get(_NEW_VALUE) or request.cookies.get(COOKIE))


def require_sign_in(next: str, *, again: Active | None = None) -> Response:  # noqa: A002 - the name that callers read
    """Send the browser to the sign-in page, and from there back to a page of ours.

    Args:
        next: the URL path of the page, with its query, as `url_for` gives it.
        again: the live session, if its user must type the password again.
    """
    flow = current_desk().flows.begin_page(next, signed_in_before=again.cookie_digest if again else None)
    return see_other(url_for("signin.sign_in", flow=flow.handle))


def has_signed_in_since(active: Active, seconds: int) -> bool:
    """Whether the user of a session typed the password within the last seconds.

    A sign-in of more than a minute ahead does not count: once a clock was set back, its age is unknown.

    Args:
        active: the live session.
        seconds: how many.
    """
    return -_CLOCK_SKEW_SECONDS <= current_desk().now() - active.stored.auth_time < seconds


def see_other(location: str) -> Response:
    """A redirect that the browser follows by GET (RFC 9110, 15.4.4). It is not cached.

    Args:
        location: an absolute URL, or a path on this server.
    """
    return Response(status=_SEE_OTHER, headers={"Location": location, "Cache-Control": "no-store"})


def adopt_session(value: str, active: Active) -> None:
    """Let the rest of this HTTP request see the session of a sign-in, in place of the cookie that was sent.

    Args:
        value: the new cookie's value.
        active: the session.
    """
    setattr(g, _NEW_VALUE, value)
    setattr(g, _FOUND, (active, active.has_groups))


def give_cookie(response: Response, value: str) -> None:
    """Give the browser the cookie of a sign-in.

    Args:
        response: carries it.
        value: the cookie's value.
    """
    response.set_cookie(COOKIE, value, path="/", secure=True, httponly=True, samesite="Lax")


def forget_session(response: Response) -> None:
    """Take the cookie away, after the session was ended, and the form token with it.

    Args:
        response: carries it.
    """
    forget_form_tokens()
    setattr(g, _FOUND, (None, True))
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="Lax")
