"""The signed session cookie is Flask's, and follows a change of the server's keys at once."""

import pytest
from flask import Flask, Response, session
from flask.sessions import SecureCookieSessionInterface

from web.application import Application

NAME = "session"


def an_application(kind: type[Flask], key: str, *former: str) -> Flask:
    """An application with a view that counts visits in the session, and one that looks at nothing."""
    app = kind("app")
    app.config.update(SECRET_KEY=key, SECRET_KEY_FALLBACKS=list(former))

    @app.get("/count")
    def count() -> Response:
        session["visits"] = session.get("visits", 0) + 1
        return Response(str(session["visits"]))

    app.add_url_rule("/rest", "rest", lambda: Response("rest"))
    return app


def cookie(app: Flask, sent: str = "") -> tuple[str, str]:
    """The answer to a visit with a cookie, and the cookie that comes back."""
    client = app.test_client()
    if sent:
        client.set_cookie(NAME, sent)
    answer = client.get("/count")
    found = client.get_cookie(NAME)
    return answer.text, found.value if found else ""


@pytest.mark.parametrize("kinds", [(Application, Flask), (Flask, Application)])
def test_cookie_is_that_of_flask(kinds: tuple[type[Flask], type[Flask]]) -> None:
    """Flask reads our cookie, and we read Flask's."""
    writer, reader = (an_application(kind, "a key") for kind in kinds)
    assert cookie(reader, cookie(writer)[1])[0] == "2"


def test_key_that_changes_is_used_at_once() -> None:
    """A former key still reads a cookie and signs none; a key that was taken away does neither."""
    app = an_application(Application, "first")
    old = cookie(app)[1]
    app.config.update(SECRET_KEY="second", SECRET_KEY_FALLBACKS=["first"])
    visits, new = cookie(app, old)
    assert visits == "2"
    app.config.update(SECRET_KEY_FALLBACKS=[])
    assert (cookie(app, old)[0], cookie(app, new)[0]) == ("1", "3")


@pytest.mark.parametrize("sent", ["x", "eyJ2aXNpdHMiOjl9.x.x"])
def test_forged_cookie_is_an_empty_session(sent: str) -> None:
    """A cookie that nobody of us signed counts nothing."""
    assert cookie(an_application(Application, "a key"), sent)[0] == "1"


def test_application_without_a_key_has_no_session() -> None:
    """Without a key the session is Flask's null session, which refuses to be written."""
    app = an_application(Application, "a key")
    app.config["SECRET_KEY"] = None
    assert app.test_client().get("/count").status_code == 500
    assert app.test_client().get("/rest").text == "rest"


def test_two_applications_keep_their_keys_apart() -> None:
    """What one application keeps is not used by another."""
    first, second = an_application(Application, "first"), an_application(Application, "second")
    assert cookie(second, cookie(first)[1])[0] == "1"
    assert isinstance(first.session_interface, SecureCookieSessionInterface)
    assert first.session_interface is not second.session_interface
