"""Packages that import their modules late still give every name that they promise."""

from importlib import import_module
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PACKAGES = sorted(
    ".".join(init.parent.relative_to(PROJECT).parts)
    for init in PROJECT.glob("*/**/__init__.py")
    if "lazy_exports(" in init.read_text("utf-8") and init.parent.name != "core"
)


def test_lazy_packages_are_found() -> None:
    """The search finds the packages, so that the next tests do not hold of nothing."""
    assert {"directory.ldap", "login", "oauth", "wiring"} <= set(PACKAGES)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_promised_name_is_found(package: str) -> None:
    """Each name in `__all__` leads to an object, and not to a module of the same name."""
    module = import_module(package)
    kinds = {name: type(getattr(module, name)) for name in module.__all__}
    assert {name for name, kind in kinds.items() if kind is type(module)} == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_unknown_name_is_an_attribute_error(package: str) -> None:
    """A name that no module has is refused as in any other package."""
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        import_module(package).nothing  # noqa: B018 - the access is the point
