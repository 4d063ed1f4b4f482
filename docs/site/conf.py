"""How Sphinx builds the site: `make docs`.

The Markdown files have no directive of Sphinx, so that they stay readable on their own. This module has the
navigation.
"""

from pathlib import Path

from sphinx.application import Sphinx

PROJECT = Path(__file__).parents[2]
START = "docs/index"

# The navigation: a heading, and its pages in order. A star stands for every page of a folder.
NAVIGATION = {
    "Use it": [
        "The walk-through </README>",
        "docs/clients",
        "docs/device",
        "docs/scopes",
        "docs/logout",
        "docs/errors",
    ],
    "Sign users in": ["docs/programs", "docs/programs/*"],
    "Protect an API": ["docs/apis", "docs/recipes/*"],
    "Leave the password grant": [
        "Owners of programs </docs/leaving-the-password-grant>",
        "The operators' plan </docs/way-out>",
        "docs/app-passwords",
        "The report </docs/password-grant-report>",
        "Programs before and after </examples/way-out/README>",
    ],
    "Run it": [
        "docs/operating",
        "docs/self-audit",
        "docs/directories",
        "docs/sign-in",
        "docs/pages",
        "docs/commands",
        "docs/limits",
        "docs/benchmarks",
        "docs/benchmarks/results",
    ],
    "Trust it": ["SECURITY", "Known weaknesses </docs/threats>"],
    "Change it": ["docs/architecture", "CONTRIBUTING", "docs/decisions/index", "CHANGELOG"],
}

project = "NetID OAuth"
html_title = project
html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_copyright = False
html_show_sphinx = False
html_copy_source = False
html_use_index = False
html_show_sourcelink = False

extensions = ["myst_parser"]
root_doc = START
include_patterns = ["*.md", "docs/**.md", "examples/*/README.md"]
exclude_patterns = [".*", "build", "bench", "tests", "instance", "models", "node_modules"]
# Links to headings work as on a forge.
myst_heading_anchors = 4
# Some examples are no complete JSON or configuration: these stay without colours.
suppress_warnings = ["misc.highlighting_failure"]


def add_navigation(_: Sphinx, page: str, source: list[str]) -> None:
    """Append the navigation to the start page, and the decisions to their index.

    Args:
        page: the name of the page that Sphinx reads.
        source: its text, the only item.
    """
    if page == START:
        for caption, pages in NAVIGATION.items():
            source[0] += _toctree(pages, f":caption: {caption}")
    elif page == "docs/decisions/index":
        source[0] += _toctree(["docs/decisions/0*"])


def _toctree(pages: list[str], *options: str) -> str:
    """Write a hidden table of contents."""
    existing = [page for page in pages if "*" not in page or list(PROJECT.glob(f"{page}.md"))]
    entries = [page if "<" in page else f"/{page}" for page in existing]
    lines = ["", "", "```{toctree}", ":hidden:", ":glob:", *options, "", *entries, "```", ""]
    return "\n".join(lines)


def redirect_to_start(app: Sphinx, error: Exception | None) -> None:
    """Let the top of the site lead to the start page.

    Args:
        app: knows where the site is built.
        error: why the build failed, if it did.
    """
    if error is None:
        target = f"{START}.html"
        Path(app.outdir, "index.html").write_text(
            f'<!doctype html><meta charset="utf-8"><title>{project}</title>'
            f'<meta http-equiv="refresh" content="0; url={target}"><a href="{target}">{project}</a>\n',
            "utf-8",
        )


def setup(app: Sphinx) -> None:
    """Connect the functions above to the steps of a build."""
    app.connect("source-read", add_navigation)
    app.connect("build-finished", redirect_to_start)
