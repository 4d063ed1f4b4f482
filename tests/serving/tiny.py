"""A tiny application under our supervisor, whose workers fail to start as a test wishes: `python -m` runs it.

Files in its folder say how the next start goes: `refuse` makes each one fail, `hang` makes one hang. Each
start adds a byte to `starts`.
"""

import json
import os
import sys
import time
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from serving import Options, serve
from serving.wsgi import Application, Environ, StartResponse


def make_application(folder: Path) -> Application:
    """Start, fail or hang, as the files in the folder say."""
    with (folder / "starts").open("ab") as starts:
        starts.write(b".")
    if (folder / "refuse").exists():
        raise RuntimeError("refused")
    if (folder / "hang").exists():
        (folder / "hang").unlink()
        time.sleep(3600)
    return tell


def tell(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the process's id."""
    start_response("200 OK", [("content-type", "application/json")])
    return [json.dumps({"pid": os.getpid()}).encode()]


if __name__ == "__main__":
    port, workers, where = sys.argv[1:]
    options = Options(host="127.0.0.1", port=int(port), workers=int(workers), threads=1, connections=2048)
    serve(partial(make_application, Path(where)), options)
