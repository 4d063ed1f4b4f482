"""A simulated campus ends its password grant by the documented plan, and nobody is surprised.

    python -m bench.campus [--clients N] [--seed N] [--report FILE [--report-week N]]

It prints the decline, and fails if a promise of the plan was broken.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import click

from bench.campus.life import WEEKS_AFTER, WEEKS_BEFORE, Campus
from bench.campus.picture import decline, summary
from bench.campus.proof import broken_promises, reported_weeks


def main() -> int:
    """Let a campus live for 18 months, and print what came of it."""
    options = _options()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        campus = Campus(Path(folder), options.clients, seed=options.seed)
        with campus.server:
            weeks = WEEKS_BEFORE + WEEKS_AFTER
            with click.progressbar(length=weeks, label="Weeks", file=sys.stderr) as progress:

                def after(week: int) -> None:
                    progress.update(1)
                    if options.report is not None and week == options.report_week - 1:
                        options.report.write_text(campus.report_page(), "utf-8")

                campus.live(each_week=after)
            print(decline(campus, reported_weeks(campus)))
            print()
            for name, value in summary(campus).items():
                print(f"{name}: {value}")
            broken = broken_promises(campus)
            print(f"18 months took {time.monotonic() - began:.0f} s")
    for sentence in broken:
        print(f"Broken: {sentence}", file=sys.stderr)
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.campus", description=__doc__)
    parser.add_argument("--clients", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="the file for the HTML report")
    parser.add_argument("--report-week", type=int, default=WEEKS_AFTER, help="before which week it is made")
    return parser.parse_args()


def _memory() -> str | None:
    """A file system in memory, where there is one: the disk is not what is looked at."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a private folder in it


if __name__ == "__main__":
    sys.exit(main())
