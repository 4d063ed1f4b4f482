"""The production server, as the rest of the project asks for it: granian under our own supervisor."""

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.log import LogLevels

from serving.supervisor import Supervisor
from serving.worker import loader, run
from serving.wsgi import Application
from telemetry import open_log

# A login may take its whole deadline; a worker that is told to stop lets it end.
GRACE_SECONDS = 10
_LOGGING = {"loggers": {"_granian": {"propagate": True}, "granian.access": {"propagate": True}}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Where the server listens, and with how much. `certificate` and `key` are PEM files, for HTTPS."""

    host: str
    port: int
    workers: int
    threads: int
    certificate: Path | None = None
    key: Path | None = None


def serve(make_application: Callable[[], Application], options: Options) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        make_application: Makes the WSGI application; called in each worker process. Where processes are not
            forked, it must be picklable.
        options: Where and with how much.
    """
    logging.getLogger("_granian").addFilter(_is_news)
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
        ssl_cert=options.certificate,
        ssl_key=options.key,
        ssl_protocol_min=SSLProtocols.tls12,
        workers_kill_timeout=GRACE_SECONDS,
        log_level=LogLevels.warning,
        log_dictconfig=_LOGGING,
    )
    supervisor.serve(run, loader(make_application, options.workers), wrap_loader=False)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of granian's is to be shown: not its doubts about more threads than CPUs, which wait."""
    return not str(record.msg).startswith("Configuration allows spawning")
