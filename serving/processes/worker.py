"""A worker process: it makes the application, then lets granian serve it until a signal ends it."""

import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from granian._futures import _new_cbscheduler
from granian._granian import WSGIWorker
from granian._signals import set_sync_signals
from granian.server.common import WORKERS_METHODS
from granian.server.mp import WorkerProcess

from serving.connections.reaper import ConnectionLimits, start_reaper
from serving.wsgi import Application, caller
from telemetry import open_log

# Called when a signal ends this process, before granian lets the requests in progress end.
_when_told_to_end: list[Callable[[], None]] = []


def loader(
    make_application: Callable[[], Application], workers: int, limits: ConnectionLimits
) -> Callable[[], Callable[..., int]]:
    """Make granian's `target_loader`: the function that makes the application in a worker process.

    Args:
        make_application: Makes the application. It may end the process with SystemExit.
        workers: How many processes serve it.
        limits: The limits of each worker.
    """
    return partial(_load, make_application, workers, limits)


def _load(
    make_application: Callable[[], Application], workers: int, limits: ConnectionLimits
) -> Callable[..., int]:
    # A forked process inherits its parent's handlers, whose flags no code reads here.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_DFL)
    try:
        call, hasten = start_reaper(caller(make_application(), workers=workers), limits)
    except Exception as error:  # noqa: BLE001 - whatever failed, the supervisor tries again
        open_log(sys.stderr).error("worker.cannot_start", exc_info=error)
        raise SystemExit(1) from None
    _when_told_to_end.append(hasten)
    return call


@WorkerProcess.wrap_target
def run(worker_id: int, callback: Callable[..., int], sock: Any, ipc: Any, loop: Any, *given: Any) -> None:
    """Serve until SIGTERM or SIGINT: granian's own worker, but with the caller of `serving.wsgi`.

    It is granian's `spawn_target`, with the arguments of `MPServer._spawn_wsgi_worker` (2.8); `given` are
    those from `runtime_mode` on.
    """
    mode, *counts = given[:6]
    _task_impl, http, http1, http2, _websockets, static_path, _access_log, tls, _scope, metrics = given[6:]
    end = set_sync_signals()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, partial(_told_to_end, signal.getsignal(each)))
    ended = threading.Event()
    end.add_cb(ended.set)
    worker = WSGIWorker(worker_id, sock, ipc, *counts, http, http1, http2, static_path, *tls, metrics)
    serve = getattr(worker, WORKERS_METHODS[mode][(sock[0] or sock[1]).is_uds()])
    serve(_new_cbscheduler(loop, callback, impl_asyncio=True), loop, end)
    ended.wait()


def _told_to_end(granians: Any, number: int, frame: Any) -> None:
    """Handle SIGTERM or SIGINT; granian has a handler of its own."""
    for each in _when_told_to_end:
        each()
    granians(number, frame)
