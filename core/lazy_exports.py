"""Packages that import a module only when one of its names is used (PEP 562).

A command such as `flask client list` needs a small part of the code, and should start quickly. So a package
with many modules does not import them all for one name. Its serving modules import what they need by name,
so a server has imported everything before its first request.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def lazy_exports(package: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """The function `__getattr__` of a package.

    Args:
        package: the package's `__name__`.
        modules: the names that each module of the package gives to other packages.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        found = getattr(import_module(f"{package}.{homes[name]}"), name)
        # From now on, Python finds the name in the package.
        vars(sys.modules[package])[name] = found
        return found

    return find
