"""Machine endpoints answer as Flask itself would."""

from functools import partial

import pytest
from flask import Blueprint, Flask, Response, after_this_request, g, request, session, signals, url_for
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.oauth.test_host_header import FOREIGN, IMPOSSIBLE, ODD
from web import Application, answer_every_error

Answer = tuple[str, bytes]
MACHINE = {"plain", "fails", "pair", "index", "changed", "asked", "later"}


every_method = pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS", "get"])
every_path = pytest.mark.parametrize(
    "path",
    [
        *("/", "//", "/plain", "//plain", "/plain/", "/plain/too", "/plain?a=b", "/%70lain", "/PLAIN"),
        *("/made/a/b", "/made//x", "/fails", "/pair", "/nothing", "/%FF", "/plain%00"),
    ],
)


class NullLog:
    """A log that drops every line."""

    def info(self, event: str, **fields: object) -> None:
        """Drop the line."""

    warning = error = info


def furnished(app: Flask) -> Flask:
    """An application with routes of each kind."""
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    answer_every_error(app, NullLog())

    @app.get("/plain")
    @app.post("/plain/too")
    def plain() -> str:
        return f"{request.method} {request.path} {request.endpoint} {request.view_args} {request.args}"

    @app.route("/made/<path:text>")
    def made(text: str) -> str:
        return f"{text} {request.view_args}"

    @app.get("/fails")
    def fails() -> str:
        raise KeyError("x")

    @app.get("/pair")
    def pair() -> tuple[str, int]:
        return "a pair", 202

    @app.get("/")
    def index() -> str:
        return f"index, g is {'new' if g.setdefault('mark', 1) == 1 else 'old'}"

    return app


def ask(app: Flask, path: str, method: str = "GET", **environ: str) -> Answer:
    """The status and the body that the WSGI server gets."""
    made = EnvironBuilder(path=path, method=method).get_environ()
    made.update(environ)
    body, status, _ = run_wsgi_app(app, made, buffered=True)
    return status, b"".join(body)


@pytest.fixture
def app() -> Flask:
    """Our application, whose plain routes are machine endpoints."""
    return furnished(Application("ours", machine_endpoints=MACHINE))


@pytest.fixture
def flask() -> Flask:
    """Flask's own, with the same routes."""
    return furnished(Flask("ours"))


@every_method
@every_path
def test_every_path_and_method_is_answered_as_by_flask(
    app: Flask, flask: Flask, path: str, method: str
) -> None:
    """Found or not, allowed or not: the answer is that of Flask."""
    assert ask(app, path, method) == ask(flask, path, method)


@pytest.mark.parametrize("host", [*FOREIGN, *ODD, *IMPOSSIBLE, "[::1", "[1..2]", "[:..]", "a" * 64, "a..b"])
def test_every_host_is_answered_as_by_flask(app: Flask, flask: Flask, host: str) -> None:
    """The Host header is refused where Flask refuses it (RFC 9112, 3.2)."""
    assert ask(app, "/plain", HTTP_HOST=host) == ask(flask, "/plain", HTTP_HOST=host)


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade"},
        {"PATH_INFO": ""},
        {"SCRIPT_NAME": "/below"},
    ],
)
def test_odd_environ_is_answered_as_by_flask(app: Flask, flask: Flask, environ: dict[str, str]) -> None:
    """A WebSocket request, an empty path and a prefix are answered as by Flask."""
    assert ask(app, "/plain", **environ) == ask(flask, "/plain", **environ)


def test_route_added_after_the_first_request_is_served(app: Flask) -> None:
    """A route that is added after the first request is served."""
    ask(app, "/plain")
    app.url_map.add(app.url_rule_class("/later", endpoint="later"))
    app.view_functions["later"] = lambda: "later"
    assert ask(app, "/later") == ("200 OK", b"later")


def test_functions_around_a_machine_endpoint_run_in_order(app: Flask) -> None:
    """Functions before, after and at the end of a request run in the order of Flask."""
    ran = []
    app.before_request(lambda: ran.append("before"))
    app.teardown_request(lambda _error: ran.append("teardown"))
    app.teardown_appcontext(lambda _error: ran.append("end"))

    @app.after_request
    def after(response: Response) -> Response:
        ran.append("after")
        return response

    ask(app, "/plain")
    assert ran == ["before", "after", "teardown", "end"]


def test_function_before_a_view_may_answer(app: Flask) -> None:
    """A function that runs before a view may answer in its place."""
    app.before_request(lambda: "instead")
    assert ask(app, "/plain") == ("200 OK", b"instead")


def test_functions_of_a_blueprint_run_for_its_own_endpoints(app: Flask) -> None:
    """Functions of a blueprint run before its machine endpoints, those of the blueprints around it too."""
    ran: list[str] = []
    outer, inner, pages = (Blueprint(name, __name__) for name in ("outer", "inner", "pages"))
    inner.add_url_rule("/nested", "nested", lambda: "nested")
    for each in (outer, inner, pages):
        each.before_request(partial(ran.append, each.name))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.register_blueprint(pages)
    app.machine_endpoints |= {"outer.inner.nested"}  # type: ignore[attr-defined]
    assert ask(app, "/nested") == ("200 OK", b"nested")
    assert ran == ["outer", "inner"]
    assert ask(app, "/plain")[0] == "200 OK"
    assert ran == ["outer", "inner"]


def test_view_may_change_its_answer_afterwards(app: Flask) -> None:
    """`after_this_request` changes the answer of the view."""

    @app.get("/changed")
    def changed() -> str:
        @after_this_request
        def change(_response: Response) -> Response:
            return Response("changed")

        return "unchanged"

    assert ask(app, "/changed") == ("200 OK", b"changed")


@pytest.mark.parametrize("name", ["request_started", "request_finished", "request_tearing_down"])
def test_listener_gets_the_signal(app: Flask, name: str) -> None:
    """A listener of a Flask signal is called."""
    told = []

    def listen(_sender: Flask, **_facts: object) -> None:
        told.append(name)

    with getattr(signals, name).connected_to(listen, app):
        ask(app, "/plain")
    ask(app, "/plain")
    assert told == [name]


def test_machine_endpoint_has_no_session(app: Flask) -> None:
    """A machine endpoint that writes to its session is answered 503: the session could not be kept."""

    @app.get("/session")
    def use() -> str:
        session["x"] = 1
        return "kept"

    app.secret_key = "k" * 32
    app.machine_endpoints |= {"use"}  # type: ignore[attr-defined]
    assert ask(app, "/session")[0].startswith("503")


@pytest.mark.parametrize(
    "asked",
    [
        *("headers", "scheme", "server", "host", "root_path", "query_string", "remote_addr", "mimetype"),
        *("content_length", "data", "full_path", "url", "cookies", "is_json", "blueprint", "no_such_thing"),
    ],
)
def test_request_attributes_are_those_of_flask(app: Flask, flask: Flask, asked: str) -> None:
    """Attributes that are read on first access have the values that Flask reads at once."""
    for each in (app, flask):
        each.add_url_rule(
            "/asked", "asked", lambda: f"{getattr(request, asked, 'nothing')}", methods=["GET", "POST"]
        )
    given = {"HTTP_X_NAME": "é", "SCRIPT_NAME": "/below", "QUERY_STRING": "a=b", "HTTP_COOKIE": "c=d"}
    assert ask(app, "/asked", "POST", **given) == ask(flask, "/asked", "POST", **given)


PLACE = {"SCRIPT_NAME": "/idp", "HTTP_HOST": "idp.example", "wsgi.url_scheme": "https"}


def with_a_name(app: Flask) -> Flask:
    """An application with routes of each kind, and the settings that URLs are built from."""
    app.config.update(SERVER_NAME="idp.example", PREFERRED_URL_SCHEME="https", APPLICATION_ROOT="/idp")
    app.secret_key = "k" * 32
    furnished(app)

    @app.get("/first")
    @app.post("/second")
    def places() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return f"{url_for('places')} {url_for('plain', _external=True)} {session['visits']} {request.host}"

    app.url_map.add(app.url_rule_class("/only-built", endpoint="only-built", build_only=True))
    return app


@pytest.fixture
def pages() -> Flask:
    """Our application, whose routes are all pages, which it finds in its table."""
    return with_a_name(Application("ours", machine_endpoints=()))


@pytest.fixture
def flask_pages() -> Flask:
    """Flask's own, with the same routes."""
    return with_a_name(Flask("ours"))


@every_method
@every_path
def test_every_page_is_found_as_by_flask(pages: Flask, flask_pages: Flask, path: str, method: str) -> None:
    """A page that is found in the table is answered as by Flask, and so is every other path."""
    assert ask(pages, path, method, **PLACE) == ask(flask_pages, path, method, **PLACE)
    assert ask(pages, "/only-built", method, **PLACE) == ask(flask_pages, "/only-built", method, **PLACE)


@pytest.mark.parametrize(("path", "method"), [("/first", "GET"), ("/second", "POST")])
def test_page_builds_urls_as_flask_does(pages: Flask, flask_pages: Flask, path: str, method: str) -> None:
    """Of two routes of a view, the URL is that for the request's method; the issuer gives the rest."""
    theirs = ask(flask_pages, path, method, **PLACE)
    plain = "plain" if method == "GET" else "plain/too"
    assert theirs == ("200 OK", f"/idp{path} https://idp.example/idp/{plain} 1 idp.example".encode())
    assert ask(pages, path, method, **PLACE) == theirs
    assert ask(pages, path, method, HTTP_HOST="evil.example") == theirs


@pytest.mark.parametrize("host", IMPOSSIBLE)
def test_page_refuses_an_impossible_host(pages: Flask, host: str) -> None:
    """A Host header that is no host is refused for a page in the table too (RFC 9112, 3.2)."""
    assert ask(pages, "/plain", HTTP_HOST=host)[0] == "400 BAD REQUEST"


def test_host_that_flask_does_not_trust_is_refused(pages: Flask) -> None:
    """With `TRUSTED_HOSTS` each request is Flask's to judge."""
    pages.config["TRUSTED_HOSTS"] = ["idp.example"]
    assert ask(pages, "/plain", HTTP_HOST="evil.example")[0] == "400 BAD REQUEST"
