"""What the production server's processes do: the supervisor, its workers, and how a worker calls the app.

Owns: starting workers and starting them again, what a request's environ holds, what a process keeps of its
environment, and for how long bodies and connections may hold a worker up. Must not know: OAuth, LDAP, SQL,
Flask, the settings object. The WSGI application is given.
"""

from serving.processes.environment import forget_variables
from serving.server import Options, serve

__all__ = ["Options", "forget_variables", "serve"]
