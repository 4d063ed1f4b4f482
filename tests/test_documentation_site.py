"""The documentation builds as a site, without a warning, and loads nothing from another host."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.servers.netid import PROJECT

pytestmark = pytest.mark.slow

# The attributes by which a page loads something. A link that a reader follows (`a`) is not one of them.
LOADING = {"src", "srcset", "poster", "data", "background"}
STYLE_URL = re.compile(r"""(?:url\(|@import\s+(?!url))\s*['"]?\s*([^'")\s]+)""", re.IGNORECASE)
# A script that loads something has its URL behind one of these words.
SCRIPT_URL = re.compile(r"""\b(?:import|fetch|open|src|href)\W{1,4}((?:https?:)?//[^'"`\s]+)""")
OTHER_HOST = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)


class Loaded(HTMLParser):
    """Collects the URLs that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the URLs of a tag."""
        for name, value in attrs:
            if name in LOADING or (tag == "link" and name == "href"):
                self.urls.append(value or "")
            elif name == "style":
                self.urls += STYLE_URL.findall(value or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    target = tmp_path_factory.mktemp("documentation") / "site"
    built = subprocess.run(
        [sys.executable, "-m", "docs.site.build", str(target)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return target


def test_site_starts_with_the_start_page(site: Path) -> None:
    """The top of the site leads to the start page, which has the navigation and a search."""
    assert 'url=docs/index.html"' in (site / "index.html").read_text("utf-8")
    start = (site / "docs" / "index.html").read_text("utf-8")
    assert 'action="../search.html"' in start
    assert 'href="operating.html"' in start


def test_search_index_has_the_words_of_a_page(site: Path) -> None:
    """The search finds a word that stands in one page."""
    index = (site / "searchindex.js").read_text("utf-8")
    assert "netid_refresh_replay_window" in index
    assert '"docs/operating"' in index


def test_every_page_is_in_the_site(site: Path) -> None:
    """Each Markdown page of the repository's top and of docs/ is built."""
    pages = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    assert [
        each.name for each in pages if not (site / each.relative_to(PROJECT)).with_suffix(".html").exists()
    ] == []


def urls_loaded(path: Path) -> list[str]:
    """List the URLs that a page, a style sheet or a script loads."""
    text = path.read_text("utf-8")
    if path.suffix == ".css":
        return STYLE_URL.findall(text)
    if path.suffix == ".js":
        return SCRIPT_URL.findall(text)
    page = Loaded()
    page.feed(text)
    return page.urls + STYLE_URL.findall("".join(re.findall(r"<style.*?</style>", text, re.DOTALL)))


@pytest.mark.parametrize("kind", ["html", "css", "js"])
def test_site_loads_nothing_from_another_host(site: Path, kind: str) -> None:
    """Scripts, fonts, styles and images come from the site itself."""
    loaded = {path.name: urls_loaded(path) for path in site.rglob(f"*.{kind}")}
    assert loaded
    assert {
        name: urls
        for name, found in loaded.items()
        if (urls := [each for each in found if OTHER_HOST.match(each)])
    } == {}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("html", '<script src="https://cdn.example/a.js"></script>'),
        ("html", '<link rel="stylesheet" href="//cdn.example/a.css">'),
        ("html", "<style>@import url(https://cdn.example/a.css)</style>"),
        ("css", "@font-face { src: url('https://cdn.example/a.woff2') }"),
        ("js", 'import("https://cdn.example/a.js")'),
    ],
)
def test_other_hosts_are_found(tmp_path: Path, kind: str, text: str) -> None:
    """The search for other hosts finds each way to load from one."""
    path = tmp_path / f"a.{kind}"
    path.write_text(text, "utf-8")
    assert [each for each in urls_loaded(path) if OTHER_HOST.match(each)]
