"""The production server: a supervisor, its worker processes, and their connections.

Owns: starting and restarting workers, the environ of a request, the environment of a process, and the limits
on slow bodies and idle connections. Must not know: OAuth, LDAP, SQL, Flask, the settings object. The caller
passes the WSGI application.

- `server.py`: starts the server; `processes/`: the supervisor and its workers.
- `wsgi.py`: calls the application. `connections/`: slow bodies and idle connections of a worker.
- `cpu_affinity.py`, `scheduling.py`: which CPU a worker uses, and which of its threads runs first.
"""

from serving.processes.environment import forget_variables
from serving.server import Options, serve

__all__ = ["Options", "forget_variables", "serve"]
