"""`flask serve` whose workers do their first round soon; started by `python -m`."""

import sys

from flask.cli import main

from models import housekeeping

housekeeping._FIRST = (0.05, 0.1)  # type: ignore[misc]

if __name__ == "__main__":
    sys.argv = ["flask", "serve"]
    main()
