"""Builds the documentation as a site: `make docs`. A warning is an error."""

import sys
from pathlib import Path

from sphinx.cmd.build import main

SITE = Path(__file__).parent
PROJECT = SITE.parents[1]


def build(target: Path) -> int:
    """Build the site; return an exit status.

    Args:
        target: the folder of the site.
    """
    doctrees = target.with_name(f"{target.name}-doctrees")
    # Every page is read again: links between unchanged pages may break too.
    options = ["--quiet", "--fail-on-warning", "--fresh-env", "--conf-dir", str(SITE)]
    return main([*options, "--doctree-dir", str(doctrees), str(PROJECT), str(target)])


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1]).resolve()))
