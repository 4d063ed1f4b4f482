"""The family of a client program: from a constant list, whatever the client sends."""

import pytest

from telemetry import FAMILIES, FAMILY_LENGTH, family_of, user_agents


@pytest.fixture(autouse=True)
def _empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the headers of another one."""
    monkeypatch.setattr(user_agents, "_known", {})


@pytest.mark.parametrize(
    ("header", "family"),
    [
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32.3", "python-requests"),
        ("Python-urllib/3.11", "Python-urllib"),
        ("Java/17.0.9", "Java"),
        ("Apache-HttpClient/4.5.14 (Java/17.0.9)", "Java"),
        ("okhttp/4.12.0", "okhttp"),
        ("axios/1.7.2", "axios"),
        ("node", "node"),
        ("node-fetch/1.0 (+https://github.com/bitinn/node-fetch)", "node"),
        ("Go-http-client/1.1", "Go-http-client"),
        ("GuzzleHttp/7", "PHP"),
        ("PHP/8.2", "PHP"),
        ("Ruby", "Ruby"),
        ("Faraday v2.9.0", "Ruby"),
        ("Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.22621", "PowerShell"),
        ("Campus/3.1 CFNetwork/1490.0.4 Darwin/23.2.0", "iPhone"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) Mobile/15E148 Safari/604.1", "iPhone"),
        ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)", "Android"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36", "Chrome"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0.0.0 Safari/537.36 Edg/120.0", "Edge"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0", "Firefox"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.2 Safari/605.1.15", "Safari"),
        ("GradesFetcher 1.0", "other"),
        ("😀" * 9000, "other"),
    ],
)
def test_program_has_a_family(header: str, family: str) -> None:
    """Usual headers of libraries, phones and browsers are told apart; everything else is `other`."""
    assert family_of(header) == family
    assert family_of(header) == family


def test_program_without_a_header_has_no_family() -> None:
    """Nothing is guessed without a User-Agent."""
    assert family_of(None) is None
    assert family_of("") is None


def test_every_family_fits_its_column() -> None:
    """The column of the audit takes each name of the constant list."""
    assert max(map(len, FAMILIES)) <= FAMILY_LENGTH
    assert "other" in FAMILIES


def test_cache_is_bounded() -> None:
    """A client that changes its header at each request fills no memory."""
    for number in range(2000):
        assert family_of(f"curl/{number}") == "curl"
        family_of("x" * 1000 + str(number))
    assert len(user_agents._known) <= 512
    assert max(map(len, user_agents._known)) <= 256
