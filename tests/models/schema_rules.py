"""Every database has the schema of the models after its migrations, and never a secret in the clear."""

import json
import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import downgrade, upgrade
from sqlalchemy import MetaData, Table, inspect, text

from models import MIGRATIONS, Base, CodeStore, PasswordGrantPolicy, is_current, roll_up
from models.migrations import HEAD
from models.usage.roll_up import counted_up_to
from tests.models.app_password_rules import issue, made
from tests.models.sign_in import SignIn
from tests.models.stores import Place, Stores

# A grant as the first migrations had it.
GRANT = {"client_id": "c", "subject": "s", "net_id": "n", "scope": "", "claims": {}} | {
    "auth_time": 1,
    "expires_at": 2,
    "live_until": 2,
}

# A client as the release before sign-in had it.
OLD_CLIENT: Mapping[str, object] = {
    "client_id": "c",
    "client_name": "Old",
    "owner": None,
    "grant_types": ["password"],
} | {
    "scope": "profile",
    "default_scope": None,
    "redirect_uris": [],
    "token_endpoint_auth_method": "client_secret_basic",
    "resource_server": False,
    "flags": {},
    "access_token_format": "opaque",
    "audiences": [],
    "released_claims": None,
    "restrictions": {},
    "created_at": 1,
    "disabled_at": None,
}


class SchemaRules:
    """Migrations, and the content of a dump."""

    def test_migrations_and_models_agree(self, stores: Stores) -> None:
        """Alembic finds no difference between the migrated database and the models."""
        with stores.engine.connect() as connection:
            context = MigrationContext.configure(
                connection, opts={"compare_type": True, "compare_server_default": True}
            )
            assert compare_metadata(context, Base.metadata) == []

    def test_head_is_the_last_migration(self) -> None:
        """The head in the code is the only head in the folder."""
        assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]

    def test_database_is_current_after_its_migrations(self, stores: Stores) -> None:
        """A migrated database is current."""
        assert is_current()

    def test_empty_database_is_not_current(self, bare: Stores) -> None:
        """A database without tables is not current."""
        assert not is_current()

    def test_database_of_another_release_is_not_current(self, stores: Stores) -> None:
        """A database at another migration is not current."""
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
        """The migration clears what earlier releases stored of these users, and of no others."""
        upgrade(revision="0002")
        keys = ((b"a" * 19, True), (b"b" * 19, False), (b"c" * 19, None))
        _insert(bare, "grant", [{**GRANT, "id": key, "private": private} for key, private in keys])
        upgrade(revision="0003")
        found = sorted(_rows(bare, "grant"), key=itemgetter("id"))
        assert [(row["private"], row["net_id"]) for row in found] == [(True, None), (False, "n"), (None, "n")]

    def test_grants_learn_their_directory_and_origin(self, bare: Stores) -> None:
        """Grants of an earlier release get the only directory, and the grant type that made them."""
        upgrade(revision="0003")
        own = {"subject": None, "net_id": None, "private": None}
        _insert(
            bare, "grant", [{**GRANT, "id": b"a" * 19, "private": True}, {**GRANT, **own, "id": b"b" * 19}]
        )
        upgrade()
        found = sorted(bare.rows("grant"), key=itemgetter("id"))
        assert [(row["directory"], row["origin"], row["private"]) for row in found] == [
            ("default", "password", True),
            ("default", "client_credentials", False),
        ]
        if bare.engine.dialect.name == "sqlite":
            assert not inspect(bare.engine).get_table_options("grant")["sqlite_with_rowid"]

    def test_renamed_tables_keep_their_rows(self, bare: Stores) -> None:
        """Missing people, persistent secrets and failures survive upgrade, downgrade and upgrade."""
        upgrade(revision="0003")
        rows: dict[str, dict[str, object]] = {
            "absence": {"subject": "s", "server": "ldaps://one", "first_missed_at": 1, "confirmed_at": 2},
            "kept_secret": {"name": "n", "key_id": "k", "sealed": b"sealed", "created_at": 1},
            "login_failure": {"id": 1, "at": 1, "name": b"n" * 16, "subject": "s", "client_id": "c"}
            | {"address": "192.0.2.7", "reason": "wrong_password", "guess": True, "tried": False}
            | {"cleared": False},
            "refused_password": {"id": 1, "at": 1, "subject": "s", "client_id": "c", "tag": b"tag1"}
            | {"state": b"12345678"},
        }
        for name, row in rows.items():
            _insert(bare, name, [row])
        upgrade()
        (person,), (secret,) = bare.rows("missing_person"), bare.rows("persistent_secret")
        assert person == {**rows["absence"], "directory": "default"}
        assert secret == rows["kept_secret"]
        (failure,), (refused,) = bare.rows("login_failure"), bare.rows("refused_password")
        assert (failure["directory"], failure["is_new_password"]) == ("default", True)
        assert (refused["directory"], refused["fingerprint"]) == ("default", b"12345678")
        downgrade(revision="0003")
        assert {name: _rows(bare, name) for name in rows} == {name: [row] for name, row in rows.items()}

    def test_clients_and_grants_are_prepared_for_sign_in(self, bare: Stores) -> None:
        """Clients and grants of the release before are as they were; no client has a logout URI."""
        upgrade(revision="0004")
        old_grant = {**GRANT, "id": b"a" * 19, "directory": "default", "private": False, "origin": "password"}
        _insert(bare, "client", [OLD_CLIENT])
        _insert(bare, "grant", [old_grant])
        upgrade()
        client = bare.clients.get("c")
        assert client is not None
        assert (client.client_name, client.restrictions) == ("Old", {})
        assert (client.post_logout_redirect_uris, client.backchannel_logout_uri) == ((), None)
        (grant,) = bare.rows("grant")
        assert (grant["net_id"], grant["last_used_at"]) == ("n", None)

    def test_downgrade_ends_what_sign_in_gave(self, bare: Stores) -> None:
        """The release before cannot end a grant with its session: grants of sign-in go, others stay."""
        upgrade()
        sign_in = SignIn(bare)
        session, _ = sign_in.begin()
        code = sign_in.code(session)
        ended = [
            sign_in.issue(session, redeem=CodeStore.redeem(code)),
            sign_in.issue(session, origin="urn:ietf:params:oauth:grant-type:device_code"),
        ]
        kept = bare.issue()
        downgrade(revision="0004")
        assert [row["id"] for row in _rows(bare, "grant")] == [kept.grant_id]
        assert "sign_in_session" not in inspect(bare.engine).get_table_names()
        if bare.engine.dialect.name == "sqlite":
            assert not inspect(bare.engine).get_table_options("grant")["sqlite_with_rowid"]
        upgrade()
        assert bare.lives(kept)
        assert not any(map(bare.lives, ended))

    def test_workers_of_the_release_before_go_on(self, bare: Stores) -> None:
        """Rows that name only the columns of the release before are stored after the migration."""
        upgrade(revision="0005")
        names = ("client", "grant", "audit_event")
        old = {name: [column.name for column in _table(bare, name).columns] for name in names}
        upgrade()
        new_client = {**OLD_CLIENT, "post_logout_redirect_uris": [], "backchannel_logout_uri": None}
        origin = {"directory": "default", "private": False, "origin": "password"}
        rows = {
            "client": new_client,
            "grant": {**GRANT, "id": b"a" * 19, **origin},
            "audit_event": {"at": 1, "event": "token.issued", "client_id": "c"},
        }
        for name, row in rows.items():
            assert set(row) <= set(old[name])
            _insert(bare, name, [row])
        client = bare.clients.get("c")
        assert client is not None
        assert client.password_grant == PasswordGrantPolicy()
        assert [row["app_password_id"] for row in bare.rows("grant")] == [None]
        assert [row["grant_type"] for row in bare.rows("audit_event")] == [None]

    def test_downgrade_ends_what_app_passwords_gave(self, bare: Stores) -> None:
        """The release before cannot end a grant with its app password: such grants go, others stay."""
        upgrade()
        kept, app_password = bare.issue(), made(bare)
        ended = issue(bare, app_password)
        downgrade(revision="0005")
        assert [row["id"] for row in _rows(bare, "grant")] == [kept.grant_id]
        assert not {"app_password", "client_usage"} & set(inspect(bare.engine).get_table_names())
        if bare.engine.dialect.name == "sqlite":
            assert not inspect(bare.engine).get_table_options("grant")["sqlite_with_rowid"]
        upgrade()
        assert bare.lives(kept)
        assert not bare.lives(ended)

    def test_counting_begins_with_the_upgrade(self, bare: Stores) -> None:
        """Audit rows of earlier releases name no grant type, and are not read by the roll-up."""
        upgrade(revision="0005")
        _insert(bare, "audit_event", [{"at": 1, "event": "token.issued", "client_id": "c"}] * 3)
        upgrade()
        assert counted_up_to() == 3
        assert roll_up(bare.now, lag=0) == 0

    def test_migrations_can_be_undone_and_run_again(self, bare: Stores) -> None:
        """All tables are created, dropped without a trace, and created again."""
        upgrade()
        assert set(inspect(bare.engine).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
        downgrade(revision="base")
        assert inspect(bare.engine).get_table_names() == ["alembic_version"]
        upgrade()
        assert is_current()
        assert bare.lives(bare.issue())

    def test_changing_a_table_loses_no_row_of_another(self, bare: Stores, later: Callable[..., str]) -> None:
        """A migration that changes the table of clients keeps their secrets."""
        upgrade()
        client_id, secret = bare.register()
        upgrade(directory=later())
        assert bare.verifies(secret, client_id)

    def test_dump_holds_no_token_and_no_secret(self, stores: Stores, place: Place) -> None:
        """A stolen dump of the database contains no token and no secret."""
        client = stores.site.register("a program", "--grant", "refresh_token", "--scope", "profile email")
        answers = [stores.site.ask_token(client) for _ in range(10)]
        tokens = [answer.get_json()[kind] for answer in answers for kind in ("access_token", "refresh_token")]
        dump = place.dump()
        assert stores.counts() == dict.fromkeys(stores.counts(), 10)
        assert client.client_id in dump
        for secret in [client.secret, "alice-password", *tokens]:
            assert not [form for form in _forms(secret) if form in dump]

    def test_claims_are_stored_as_json(self, stores: Stores, place: Place) -> None:
        """Claims are stored as JSON, whatever characters a name has."""
        stores.issue()
        assert json.dumps("Ålice") in place.dump() or "Ålice" in place.dump()


def _table(stores: Stores, name: str) -> Table:
    """A table as the database has it now, which the models may not know any more."""
    return Table(name, MetaData(), autoload_with=stores.engine)


def _insert(stores: Stores, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    with stores.engine.begin() as connection:
        connection.execute(_table(stores, name).insert(), rows)


def _rows(stores: Stores, name: str) -> list[dict[str, object]]:
    with stores.engine.connect() as connection:
        return [dict(row) for row in connection.execute(_table(stores, name).select()).mappings()]


def _forms(secret: str) -> list[str]:
    """The ways in which a dump could show a secret: plain, in base64, in hex; and the random part of it."""
    forms = [secret, secret.encode().hex(), b64encode(secret.encode()).decode()]
    if token := re.fullmatch(r"nid[ar]_(.{56})", secret):
        forms += [token[1], urlsafe_b64decode(token[1])[6:38].hex()]
    return forms
