"""`flask client …`: each refusal is one clear sentence."""

import pytest

from tests.cli.conftest import Run
from tests.conftest import Site

CREATE = ("client", "create", "Library")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--grant", "passwort"), "This server does not offer the grant 'passwort'; it offers password"),
        (("--grant", "implicit"), "This server does not offer the grant 'implicit'"),
        (("--scope", 'pro"file'), "The scope must be names of printable ASCII"),
        (("--scope", "Ümlaut"), "The scope must be names of printable ASCII"),
        (("--scope", "default"), "The scope 'default' is for clients that have no list"),
        (("--scope", "a", "--default-scope", "b"), "The default scope must be part of the scope"),
        (("--redirect-uri", "https://a.example/cb#part"), "have no fragment"),
        (("--redirect-uri", "/cb"), "The redirect URI '/cb' must be absolute"),
        (("--auth-method", "none", "--grant", "password"), "only with --allow-public-password"),
        (("--owner", "x" * 256), "The owner must be up to 255 printable characters"),
        (("--owner", "\x1b[31mred"), "The owner must be up to 255 printable characters"),
        (("--auth-method", "none", "--resource-server"), "A resource server must have a secret"),
        (("--auth-method", "none", "--keep-refresh-token"), "refresh tokens are rotated always"),
    ],
)
def test_mistake_in_a_registration_is_refused(
    refusal: Run, as_json: Run, options: tuple[str, ...], sentence: str
) -> None:
    """The refusal names the mistake in the registration, and nothing is stored."""
    assert sentence in refusal(*CREATE, *options)
    assert as_json("client", "list") == []


@pytest.mark.parametrize("name", ["", "x" * 256, "two\nlines", "\x1b[31mred"])
def test_unprintable_or_long_name_is_refused(refusal: Run, name: str) -> None:
    """A name must be printable, and fit its column."""
    assert "1 to 255 printable characters" in refusal("client", "create", name)


def test_all_mistakes_are_reported_at_once(site: Site) -> None:
    """Two mistakes are two sentences of one refusal."""
    printed = site.run(*CREATE, "--grant", "nonsense", "--redirect-uri", "/cb", status=1)
    assert len(printed.splitlines()) == 2


@pytest.mark.parametrize(
    "command",
    [
        ("show", "nobody"),
        ("update", "nobody", "--owner", "me"),
        ("rotate-secret", "nobody"),
        ("retire-secret", "nobody", "1"),
        ("disable", "nobody"),
        ("delete", "nobody", "--yes"),
        ("show", "\udcff"),
        ("show", ""),
    ],
)
def test_unknown_client_is_named(refusal: Run, site: Site, command: tuple[str, ...]) -> None:
    """Every command names the client that does not exist."""
    site.register("Library")
    assert refusal("client", *command) == f"There is no client {command[1]!r}."


@pytest.mark.parametrize("command", [("show",), ("disable",), ("delete", "--yes"), ("rotate-secret",)])
def test_ambiguous_client_name_is_refused(
    refusal: Run, as_json: Run, site: Site, command: tuple[str, ...]
) -> None:
    """If two clients have the name, neither is changed."""
    site.register("Library")
    site.register("Library")
    before = as_json("client", "list")
    said = refusal("client", command[0], "Library", *command[1:])
    assert said == "2 clients are called 'Library': say which by its id."
    assert as_json("client", "list") == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--scope", 'pro"file'), "printable ASCII"),
        (("--name", ""), "1 to 255 printable"),
        (("--auth-method", "none"), "A public client"),
        (("--auth-method", "none", "--grant", ""), "cannot become confidential, nor the other way"),
    ],
)
def test_update_obeys_the_rules_of_a_registration(
    refusal: Run, as_json: Run, site: Site, options: tuple[str, ...], sentence: str
) -> None:
    """An update that would break a rule is refused, and nothing is changed."""
    site.register("Library", "--scope", "profile")
    before = as_json("client", "show", "Library")
    assert sentence in refusal("client", "update", "Library", *options)
    assert as_json("client", "show", "Library") == before
