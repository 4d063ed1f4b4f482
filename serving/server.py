"""The production server: granian under our own supervisor."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels

from serving.connections.body_limit import DEADLINE_SECONDS
from serving.connections.connection_table import FIRST_REQUEST_SECONDS
from serving.connections.descriptors import allow_descriptors
from serving.connections.reaper import ConnectionLimits
from serving.processes.supervisor import Supervisor
from serving.processes.worker import loader, run
from serving.wsgi import Application
from telemetry import open_log

# A worker that must stop lets logins end, and a login may take its whole deadline.
GRACE_SECONDS = 10
# granian closes a connection that has sent no whole head of a request for this long after its last answer.
# Proxies keep connections for 60 seconds, and a request that one sends at the last moment must be answered.
_IDLE_MILLISECONDS = 65_000
_FEWEST_CONNECTIONS = 16
_LOGGING = {"loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the server listens, its size, and its timeouts.

    - `connections`: how many clients' connections all workers accept together.
    - `certificate`, `key`: PEM files, for HTTPS.
    - `body_seconds`: a request body must be whole within this time.
    - `first_request_seconds`: a connection must send the head of its first request within this time.
    """

    host: str
    port: int
    workers: int
    threads: int
    connections: int
    certificate: Path | None = None
    key: Path | None = None
    body_seconds: float = DEADLINE_SECONDS
    first_request_seconds: float = FIRST_REQUEST_SECONDS


def serve(make_application: Callable[[], Application], options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        make_application: Makes the WSGI application; called in each worker process. Where processes are not
            forked, it must be picklable.
        options: Where it listens, its size, and its timeouts.
    """
    logging.getLogger("_granian").addFilter(_is_news)
    # Workers inherit the limit of this process.
    connections = allow_descriptors(max(_FEWEST_CONNECTIONS, options.connections // options.workers))
    limits = ConnectionLimits(
        threads=options.threads,
        connections=connections,
        port=options.port,
        tls=options.certificate is not None,
        body_seconds=options.body_seconds,
        first_request_seconds=options.first_request_seconds,
    )
    supervisor = Supervisor(
        open_log(sys.stderr),
        target="",
        address=options.host,
        port=options.port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=options.workers,
        blocking_threads=options.threads,
        backpressure=connections,
        http1_settings=HTTP1Settings(header_read_timeout=_IDLE_MILLISECONDS),
        ssl_cert=options.certificate,
        ssl_key=options.key,
        ssl_protocol_min=SSLProtocols.tls12,
        workers_kill_timeout=GRACE_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
    )
    supervisor.serve(run, loader(make_application, options.workers, limits), wrap_loader=False)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether to show a line of granian: not its warning about more threads than CPUs, since ours wait."""
    return not str(record.msg).startswith("Configuration allows spawning")
