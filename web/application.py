"""The Flask application: URLs come from the issuer, routes from a table, and programs are answered faster.

**URLs.** Flask builds them from the settings, never from a request's Host header. Flask's `SERVER_NAME` fixes
the host of `url_for(_external=True)`. But Flask takes the scheme and the path prefix from the request, and
leaves `request.host` and `request.url` to the Host header.

**Routes.** A route without variables is found in a table. Flask would bind its URL map to each request, and
then search it. Its view is called without Flask's signals, if nobody listens (figures:
docs/decisions/0044-cost-of-a-page.md).

**Machine endpoints.** Programs call them, thousands of times a second. They have no session, and their routes
have no variables. So they skip Flask's session too (figures: docs/decisions/0020-hot-path.md).

Functions before and after a request, error handlers and teardown functions run everywhere as in Flask.
"""

import re
from collections.abc import Collection
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Any

from flask import Flask, Request, Response, has_request_context, signals
from flask.ctx import RequestContext
from flask.globals import request_ctx
from flask.sessions import NullSession
from werkzeug.routing import MapAdapter, Rule

from web.signed_session import SignedSessions

MACHINE_ENDPOINTS = frozenset(
    {
        "oauth.token",
        "oauth.revocation",
        "oauth.introspection",
        "oauth.userinfo",
        "api.me",
        "health.healthz",
        "health.readyz",
    }
)

# A host that Werkzeug accepts: labels of 1 to 63 letters, or an address (RFC 9112, 3.2).
_HOST = re.compile(
    r"(?:(?:[A-Za-z0-9-]{1,63}\.){0,8}[A-Za-z0-9-]{1,63}|\[[0-9A-Fa-f:]{2,39}\])(?::[0-9]{1,5})?"
)
_NO_SESSION = NullSession()


class _MachineRequest(Request):
    """A request whose attributes are mostly read on first access."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self.environ, self.shallow = environ, False
        self.method, self.path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        self.remote_addr = environ.get("REMOTE_ADDR")
        environ["werkzeug.request"] = self

    def __getattr__(self, name: str) -> Any:
        """Read all other attributes, as Werkzeug reads them."""
        if "headers" in self.__dict__:
            raise AttributeError(name)
        super().__init__(self.environ)
        return getattr(self, name)

    def close(self) -> None:
        """Close uploaded files."""
        if "files" in self.__dict__:
            super().close()


class _RoutedContext(RequestContext):
    """The context of a request that has its route from the start, and an adapter once it builds a URL."""


class _MachineContext(_RoutedContext):
    """The context of a request to a machine endpoint. It has no session."""

    def has_after_functions(self) -> bool:
        """Whether the view used `after_this_request`."""
        return bool(self._after_request_functions)


class Application(Flask):
    """A Flask application with a list of machine endpoints.

    It builds URLs from `SERVER_NAME`, `PREFERRED_URL_SCHEME` and `APPLICATION_ROOT`. Without `SERVER_NAME` it
    builds them as Flask does.
    """

    def __init__(
        self, import_name: str, *, machine_endpoints: Collection[str] = MACHINE_ENDPOINTS, **options: Any
    ) -> None:
        """Build the application.

        Args:
            import_name: As in Flask.
            machine_endpoints: Flask's names of the endpoints that have no session and are answered faster.
            options: As in Flask.
        """
        super().__init__(import_name, **options)
        self.session_interface = SignedSessions()
        self.machine_endpoints = frozenset(machine_endpoints)
        self._routes: dict[tuple[str, str], Rule] | None = None
        # By the request's method, which decides between several routes of an endpoint.
        self._builders: dict[str, MapAdapter] = {}
        # For each endpoint in `_routes` the keys of `before_request_funcs` and its like that concern it.
        self._function_keys: dict[str, tuple[str | None, ...]] = {}

    def request_context(self, environ: dict[str, Any]) -> RequestContext:
        """Make the context of a request. It has its route already, if that has no variables."""
        rule = self._route(environ)
        if rule is None:
            return super().request_context(environ)
        is_machine = rule.endpoint in self.machine_endpoints
        request = _MachineRequest(environ) if is_machine else self.request_class(environ)
        request.json_module, request.url_rule, request.view_args = self.json, rule, {}
        if is_machine:
            return _MachineContext(self, environ, request, _NO_SESSION)
        request.host = self.config["SERVER_NAME"]
        return _RoutedContext(self, environ, request)

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Give the adapter that finds a request's route and builds URLs; None if the request has its route.

        Raises:
            BadHost: The Host header is not a host (RFC 9112, 3.2): 400.
        """
        if request is None:
            return self._adapter_outside_requests if self.config["SERVER_NAME"] else None
        return None if request.url_rule is not None else self._issuer_adapter(request)

    def url_for(self, *args: Any, **options: Any) -> str:
        """Build a URL as Flask does. A request that has its route gets its adapter when it needs one."""
        context = request_ctx._get_current_object() if has_request_context() else None  # type: ignore[attr-defined] # noqa: SLF001 - as Flask does
        if isinstance(context, _RoutedContext) and context.url_adapter is None:
            context.url_adapter = self._builder(context.request)
        return super().url_for(*args, **options)

    def full_dispatch_request(self) -> Response:
        """Answer the request of the current context."""
        context = request_ctx._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001 - as Flask does
        rule = context.request.url_rule
        if not isinstance(context, _RoutedContext) or rule is None or self._has_listeners():
            return super().full_dispatch_request()
        self._got_first_request = True
        try:
            answer: Any = self.preprocess_request() if self._runs_first(rule.endpoint) else None
            if answer is None:
                answer = self.view_functions[rule.endpoint]()
        except Exception as error:  # noqa: BLE001 - Flask's own catches no less
            answer = self.handle_user_exception(error)
        response = answer if isinstance(answer, Response) else self.make_response(answer)
        is_finished = isinstance(context, _MachineContext) and not context.has_after_functions()
        return response if is_finished and not self.after_request_funcs else self.process_response(response)

    def do_teardown_request(self, *error: Any) -> None:
        """Run teardown functions, if there are any."""
        if self.teardown_request_funcs or signals.request_tearing_down.receivers:
            super().do_teardown_request(*error)

    def do_teardown_appcontext(self, *error: Any) -> None:
        """Run teardown functions of the application context, if there are any."""
        if self.teardown_appcontext_funcs or signals.appcontext_tearing_down.receivers:
            super().do_teardown_appcontext(*error)

    @cached_property
    def _adapter_outside_requests(self) -> MapAdapter | None:
        """Cached, because Flask asks for it in each application context, and so in each request."""
        return super().create_url_adapter(None)

    def _builder(self, request: Request) -> MapAdapter | None:
        """The adapter that builds URLs. Made of the settings, it is the same for all requests of a method."""
        if not self.config["SERVER_NAME"]:
            return self._issuer_adapter(request)
        made = self._builders.get(request.method)
        if made is None and (made := super().create_url_adapter(None)) is not None:
            made.default_method = request.method
            self._builders[request.method] = made
        return made

    def _issuer_adapter(self, request: Request) -> MapAdapter | None:
        adapter = super().create_url_adapter(request)
        if adapter is not None and self.config["SERVER_NAME"]:
            # With SERVER_NAME set, Werkzeug accepts an impossible Host header; `bind` refuses it.
            self.url_map.bind(request.host)
            request.host = self.config["SERVER_NAME"]
            adapter.url_scheme = self.config["PREFERRED_URL_SCHEME"]
            adapter.script_name = self.config["APPLICATION_ROOT"].rstrip("/") + "/"
        return adapter

    def _has_listeners(self) -> bool:
        """Whether a function listens to a signal that Flask sends around a view."""
        return bool(signals.request_started.receivers or signals.request_finished.receivers)

    def _route(self, environ: dict[str, Any]) -> Rule | None:
        if self._routes is None:
            self._routes = self._find_routes()
        if "HTTP_UPGRADE" in environ or not environ.get("PATH_INFO"):
            return None
        if not _HOST.fullmatch(environ.get("HTTP_HOST", "")):
            return None
        return self._routes.get((environ["REQUEST_METHOD"], environ["PATH_INFO"]))

    def _runs_first(self, endpoint: str) -> bool:
        """Whether a function runs before the view. Those of other blueprints, such as pages, do not."""
        keys = self._function_keys[endpoint]
        own, values = self.before_request_funcs, self.url_value_preprocessors
        return any(key in own or key in values for key in keys)

    def _find_routes(self) -> dict[tuple[str, str], Rule]:
        # Of two rules for the same path the first wins, as in the URL map.
        first = {
            (method, rule.rule): rule
            for rule in reversed(list(self.url_map.iter_rules()))
            for method in rule.methods or ()
        }
        found = {place: rule for place, rule in first.items() if self._is_plain(rule)}
        self._function_keys = {rule.endpoint: (None, *_blueprints(rule.endpoint)) for rule in found.values()}
        if self.config["SERVER_NAME"] and not self.config["TRUSTED_HOSTS"]:
            return found
        # Flask looks at the Host header of every other request.
        return {place: rule for place, rule in found.items() if rule.endpoint in self.machine_endpoints}

    def _is_plain(self, rule: Rule) -> bool:
        """Whether a route has no variables, and nothing else that only Flask understands."""
        return not (
            rule.arguments
            or rule.websocket
            or rule.build_only
            or rule.redirect_to
            or rule.alias
            or rule.host
            or getattr(rule, "provide_automatic_options", False)
            or iscoroutinefunction(self.view_functions.get(rule.endpoint))
        )


def _blueprints(endpoint: str) -> list[str]:
    """The names of the blueprint of an endpoint, and of those around it, as Flask has them."""
    parts = endpoint.split(".")[:-1]
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
