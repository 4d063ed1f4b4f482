"""What every database must be after its migrations, and what must never be found in it."""

import json
import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import inspect, select, text

from models import MIGRATIONS, Base, is_current
from models.migrations import HEAD
from tests.models.stores import Place, Stores


class SchemaRules:
    """Migrations, and the content of a dump."""

    def test_migrations_and_models_agree(self, stores: Stores) -> None:
        """Alembic finds nothing that a new migration would have to change."""
        with stores.engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            assert compare_metadata(context, Base.metadata) == []

    def test_head_is_the_last_migration(self) -> None:
        """The head that the code knows is the one in the folder, and there is one only."""
        assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]

    def test_database_is_current_after_its_migrations(self, stores: Stores) -> None:
        """A migrated database is known as ours."""
        assert is_current()

    def test_empty_database_is_not_current(self, bare: Stores) -> None:
        """A database without a table is not ours yet."""
        assert not is_current()

    def test_database_of_another_release_is_not_current(self, stores: Stores) -> None:
        """A database that stands at another migration is not ours."""
        with stores.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'other'"))
        try:
            assert not is_current()
        finally:
            with stores.engine.begin() as connection:
                connection.execute(
                    text("UPDATE alembic_version SET version_num = :head").bindparams(head=HEAD)
                )

    def test_net_ids_of_users_who_asked_for_privacy_are_cleared(self, bare: Stores) -> None:
        """What earlier releases stored of them is taken out, and of nobody else."""
        upgrade(revision="0002")
        columns: dict[str, object] = {column.name: None for column in Base.metadata.tables["grant"].columns}
        grants = [
            {**columns, "id": key, "client_id": "c", "subject": "s", "net_id": "n", "scope": "", "claims": {}}
            | {"private": private, "auth_time": 1, "expires_at": 2, "live_until": 2}
            for key, private in ((b"a" * 19, True), (b"b" * 19, False), (b"c" * 19, None))
        ]
        table = Base.metadata.tables["grant"]
        with bare.engine.begin() as connection:
            connection.execute(table.insert(), grants)
        upgrade()
        with bare.engine.connect() as connection:
            found = connection.execute(select(table.c.private, table.c.net_id).order_by(table.c.id)).all()
        assert [tuple(row) for row in found] == [(True, None), (False, "n"), (None, "n")]

    def test_migrations_go_up_down_and_up(self, bare: Stores) -> None:
        """All tables come, go without a trace, and come again."""
        upgrade()
        assert set(inspect(bare.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
        downgrade(revision="base")
        assert inspect(bare.engine).get_table_names() == ["alembic_version"]
        upgrade()
        assert is_current()
        assert bare.lives(bare.issue())

    def test_changing_a_table_loses_no_row_of_another(self, bare: Stores, later: Callable[..., str]) -> None:
        """A migration that changes the table of clients leaves their secrets where they are."""
        upgrade()
        client_id, secret = bare.register()
        upgrade(directory=later())
        assert bare.verifies(secret, client_id)

    def test_dump_holds_no_token_and_no_secret(self, stores: Stores, place: Place) -> None:
        """Who takes the whole database away holds nothing that opens anything."""
        client = stores.site.register("a program", "--grant", "refresh_token", "--scope", "profile email")
        answers = [stores.site.ask_token(client) for _ in range(10)]
        tokens = [answer.get_json()[kind] for answer in answers for kind in ("access_token", "refresh_token")]
        dump = place.dump()
        assert stores.counts() == dict.fromkeys(stores.counts(), 10)
        assert client.client_id in dump
        for secret in [client.secret, "alice-password", *tokens]:
            assert not [form for form in _forms(secret) if form in dump]

    def test_claims_are_kept_as_json(self, stores: Stores, place: Place) -> None:
        """Claims are stored as JSON, whatever letters a name has."""
        stores.issue()
        assert json.dumps("Ålice") in place.dump() or "Ålice" in place.dump()


def _forms(secret: str) -> list[str]:
    """The ways in which a dump could show a secret: plain, in base64, in hex; and the random part of it."""
    forms = [secret, secret.encode().hex(), b64encode(secret.encode()).decode()]
    if token := re.fullmatch(r"nid[ar]_(.{56})", secret):
        forms += [token[1], urlsafe_b64decode(token[1])[6:38].hex()]
    return forms
