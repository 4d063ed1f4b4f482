"""Flask, with nothing done for a request that this server's own endpoints do not need.

For every request Flask reads the Host header, opens a session, searches the map of URLs, looks through its
lists of what runs before and after, and sends its signals. No URL of ours is made from a request, no endpoint
has a session, those lists are empty, and nobody listens. Whatever is not plain goes Flask's own way.
"""

import re
from inspect import iscoroutinefunction
from typing import Any

from flask import Flask, Request, Response, signals
from flask.ctx import RequestContext
from flask.globals import request_ctx
from flask.sessions import NullSession
from werkzeug.routing import MapAdapter, Rule

# A host that Werkzeug finds no fault with: labels of 1 to 63 letters, or an address (RFC 9112, 3.2).
_HOST = re.compile(
    r"(?:(?:[A-Za-z0-9-]{1,63}\.){0,8}[A-Za-z0-9-]{1,63}|\[[0-9A-Fa-f:]{2,39}\])(?::[0-9]{1,5})?"
)
_NO_SESSION = NullSession()


class _PlainRequest(Request):
    """A request of which most is read only when somebody asks for it."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ, self.shallow = environ, False
        self.method, self.path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.remote_addr = environ.get("REMOTE_ADDR")
        environ["werkzeug.request"] = self

    def __getattr__(self, name: str) -> Any:
        """What was not read yet: all of it at once, as Werkzeug reads it."""
        if "headers" in self.__dict__:
            raise AttributeError(name)
        super().__init__(self.environ)
        return getattr(self, name)

    def close(self) -> None:
        """Close what was uploaded."""
        if "files" in self.__dict__:
            super().close()


class _PlainContext(RequestContext):
    """The context of a request that has its route: one without variables."""

    def has_more_to_do(self) -> bool:
        """Whether the view has asked for something to be done with its answer."""
        return bool(self._after_request_functions)


class Application(Flask):
    """A Flask application whose plain requests are answered by a look-up and a call.

    In the views of routes without variables there is no `session`, and `url_for` makes nothing.
    """

    _routes: dict[tuple[str, str], Rule] | None = None

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        """The context of a request; that of a plain one has its route already."""
        rule = self._plain_route(environ)
        if rule is None:
            return super().request_context(environ)
        request = _PlainRequest(environ)
        request.json_module, request.url_rule, request.view_args = self.json, rule, {}
        return _PlainContext(self, environ, request, _NO_SESSION)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """What finds a request's route, or None where it has one."""
        if request is not None and request.url_rule is not None:
            return None
        return super().create_url_adapter(request)

    def full_dispatch_request(self) -> Response:
        """Answer the request of the current context."""
        context = request_ctx._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - as Flask does
        rule = context.request.url_rule
        if not isinstance(context, _PlainContext) or rule is None or self._is_followed():
            return super().full_dispatch_request()
        self._got_first_request = True
        try:
            answer: Any = self.view_functions[rule.endpoint]()
        except Exception as error:  # noqa: BLE001 - Flask's own catches no less
            answer = self.handle_user_exception(error)
        response = answer if isinstance(answer, Response) else self.make_response(answer)
        return self.process_response(response) if context.has_more_to_do() else response

    def do_teardown_request(self, *error: Any) -> None:
        """What is to be done at a request's end, where there is anything."""
        if self.teardown_request_funcs or signals.request_tearing_down.receivers:
            super().do_teardown_request(*error)

    def do_teardown_appcontext(self, *error: Any) -> None:
        """What is to be done at the end of whatever had a context, where there is anything."""
        if self.teardown_appcontext_funcs or signals.appcontext_tearing_down.receivers:
            super().do_teardown_appcontext(*error)

    def _is_followed(self) -> bool:
        """Whether anybody wants to do something before or after a view, or to be told."""
        return bool(
            self.before_request_funcs
            or self.after_request_funcs
            or self.url_value_preprocessors
            or signals.request_started.receivers
            or signals.request_finished.receivers
        )

    def _plain_route(self, environ: dict[str, Any]) -> Rule | None:
        if self._routes is None:
            self._routes = self._plain_routes()
        if "HTTP_UPGRADE" in environ or not environ.get("PATH_INFO"):
            return None
        if not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
            return None
        return self._routes.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))

    def _plain_routes(self) -> dict[tuple[str, str], Rule]:
        # Of two for the same path the first counts, as in the map.
        return {
            (method, rule.rule): rule
            for rule in reversed(list(self.url_map.iter_rules()))
            for method in rule.methods or ()
            if not (rule.arguments or rule.websocket or rule.redirect_to or rule.alias or rule.host)
            and not getattr(rule, "provide_automatic_options", False)
            and not iscoroutinefunction(self.view_functions[rule.endpoint])
        }
