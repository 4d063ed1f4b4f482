"""Work that every application of a test process would repeat, done once for all of them.

A test builds an application of its own, in about 6 ms with this and 17 ms without. The applications share
compiled SQL, compiled routes and the demo directory's entries, which depend on our source alone. They take
RSA keys from a few that are made once: to make a key, and to check it when it is loaded, takes 100 ms.
"""

from collections.abc import Callable, Iterator
from functools import cache, wraps
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from werkzeug.routing import Rule

import wiring.database
from directory.ldap.embedded import Embedded
from models import NewSigningKey, engine_options
from oauth.tokens import signing_keys
from oauth.tokens.jws import RS256, generate, signer

RSA_KEYS = 16


@pytest.fixture(scope="session", autouse=True)
def _shared_work() -> Iterator[None]:
    """Share compiled SQL, compiled routes, the entries of embedded directories, and RSA keys."""
    with pytest.MonkeyPatch.context() as patch:
        _share_compiled_sql(patch)
        _share_compiled_routes(patch)
        _share_embedded_directories(patch)
        _share_rsa_keys(patch)
        yield


def _share_compiled_sql(patch: pytest.MonkeyPatch) -> None:
    # SQLAlchemy caches by engine, statement and dialect. All our SQLite dialects have the same options.
    patch.setattr(SQLiteDialect_pysqlite, "__eq__", lambda self, other: type(self) is type(other))
    patch.setattr(SQLiteDialect_pysqlite, "__hash__", lambda self: hash(type(self)))
    compiled: dict[object, object] = {}

    @wraps(engine_options)
    def with_shared_cache(url: str, **given: Any) -> dict[str, Any]:
        return {**engine_options(url, **given), "execution_options": {"compiled_cache": compiled}}

    patch.setattr(wiring.database, "engine_options", with_shared_cache)


def _share_compiled_routes(patch: pytest.MonkeyPatch) -> None:
    # Werkzeug compiles a function for each route of each application; it depends on the route's text alone.
    compile_builder = Rule._compile_builder
    builders: dict[object, Callable[..., tuple[str, str]]] = {}

    def shared(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002
        if rule.defaults or rule.host or rule.subdomain:
            return compile_builder(rule, append_unknown)
        key = (rule.rule, rule.merge_slashes, append_unknown)
        if key not in builders:
            builders[key] = compile_builder(rule, append_unknown)
        return builders[key]

    patch.setattr(Rule, "_compile_builder", shared)


def _share_embedded_directories(patch: pytest.MonkeyPatch) -> None:
    load = Embedded.from_ldif

    @cache
    def loaded(path: Path, _changed_at: int, _size: int) -> Embedded:
        return load(path)

    def shared(path: Path) -> Embedded:
        state = path.stat()
        return loaded(path, state.st_mtime_ns, state.st_size)

    patch.setattr(Embedded, "from_ldif", shared)


def _share_rsa_keys(patch: pytest.MonkeyPatch) -> None:
    turns = count()

    @cache
    def kept(_turn: int) -> NewSigningKey:
        return generate(RS256)

    def shared(alg: str) -> NewSigningKey:
        # The next RSA_KEYS keys of a process differ, and so do all keys that a test makes.
        return kept(next(turns) % RSA_KEYS) if alg == RS256 else generate(alg)

    patch.setattr(signing_keys, "generate", shared)
    patch.setattr(signing_keys, "signer", cache(signer))
