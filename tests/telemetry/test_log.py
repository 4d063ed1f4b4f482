"""The log writes one line of ASCII JSON for each event, and no fault of its stream stops a request."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from telemetry import AuditEvent, configure_standard_logging, open_log
from tests.conftest import NOON, Site
from tests.faults import rows

NASTY = 'a\r\n{"event": "token.issued"}\n\x1b[2J\u202e\u2028\u2029\x85\0\ud800"\\'


@pytest.fixture
def standard() -> Iterator[io.StringIO]:
    """The log lines of libraries at DEBUG, as this server writes them."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    levels = {
        name: logging.getLogger(name).level
        for name in ("authlib", "ldap3", "sqlalchemy.engine", "sqlalchemy.pool")
    }
    stream = io.StringIO()
    configure_standard_logging(logging.DEBUG, stream)
    yield stream
    root.handlers, root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def is_one_line(text: str) -> bool:
    """Whether this is one line of ASCII JSON without a control character in it."""
    assert text.endswith("}\n")
    assert text[:-1].isascii()
    assert text[:-1].isprintable()
    return isinstance(json.loads(text), dict)


@pytest.mark.parametrize("level", ["info", "warning", "error"])
def test_control_characters_in_our_log_are_escaped(level: str) -> None:
    """Line ends, control characters and bidirectional overrides are escaped, so that no line is forged."""
    stream = io.StringIO()
    getattr(open_log(stream), level)("person.seen", name=NASTY, deep={"names": [NASTY]})
    assert is_one_line(stream.getvalue())
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["name"]) == ("person.seen", level, NASTY)


def test_control_characters_in_library_logs_are_escaped(standard: io.StringIO) -> None:
    """Lines of libraries are escaped in the same way."""
    logging.getLogger("library").warning("no such person: %s", NASTY)
    assert is_one_line(standard.getvalue())
    assert json.loads(standard.getvalue())["event"] == f"no such person: {NASTY}"


def test_secrets_in_library_logs_are_redacted(standard: io.StringIO) -> None:
    """Lines of libraries are redacted, and their exceptions too."""
    error = ValueError("password=hunter2-hunter2")
    logging.getLogger("library").error("client_secret=%s", "hunter2-hunter2", exc_info=error)
    assert "hunter2" not in standard.getvalue()
    assert "ValueError" in standard.getvalue()


@pytest.mark.parametrize(
    "name",
    ["authlib.oauth2.rfc6749", "httpcore.http11", "ldap3", "sqlalchemy.engine.Engine", "sqlalchemy.pool"],
)
def test_libraries_that_log_secrets_log_only_warnings(standard: io.StringIO, name: str) -> None:
    """Libraries that log tokens below WARNING log only warnings, whatever the root's level is."""
    logging.getLogger(name).info("Issue token hunter2")
    logging.getLogger(name).debug("Issue token hunter2")
    assert standard.getvalue() == ""


class Failing(io.StringIO):
    """A stream whose disk is full; `attempts` counts the writes."""

    attempts = 0

    def write(self, text: str) -> int:
        """Fail."""
        self.attempts += 1
        raise OSError(28, "No space left on device")


class Closing(io.StringIO):
    """A stream that fails when it is flushed; `attempts` counts the flushes."""

    attempts = 0

    def flush(self) -> None:
        """Fail."""
        self.attempts += 1
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [Failing(), Closing()])
def test_stream_that_fails_raises_nothing(stream: Failing | Closing) -> None:
    """With a full disk or a closed pipe, lines are lost and nothing is raised."""
    log = open_log(stream)
    returned = [log.error("token.issued") for _ in range(2)]  # type: ignore[func-returns-value]
    assert returned == [None, None]
    assert stream.attempts == 2


def test_closed_stream_raises_nothing() -> None:
    """With a closed stream, lines are lost and nothing is raised."""
    stream = io.StringIO()
    log = open_log(stream)
    log.info("token.issued")
    assert stream.getvalue().count("token.issued") == 1
    stream.close()
    assert [log.error("token.issued") for _ in range(2)] == [None, None]  # type: ignore[func-returns-value]


class TestAudit:
    """A token's audit line and its row."""

    def test_log_line_and_audit_row_have_the_same_fields(self, site: Site) -> None:
        """The log line of a token has the values of its audit row."""
        client = site.register("p", "--scope", "profile")
        site.token(client)
        (row,) = rows(site, "audit_event")
        (line,) = site.log_lines()
        columns = {name: value for name, value in row.items() if name != "id" and value is not None}
        assert {name: line[name] for name in columns} == columns
        assert set(line) == {*columns, "level", "timestamp"}

    def test_audit_row_has_client_person_and_grant(self, site: Site) -> None:
        """Client, person, grant, scope and address of a token are in its row; its time is the clock's."""
        client = site.register("p", "--scope", "profile")
        site.token(client)
        (row,), (grant,) = rows(site, "audit_event"), rows(site, "grant")
        assert (row["event"], row["at"], row["client_id"]) == ("token.issued", NOON, client.client_id)
        assert (row["subject"], row["scope"], row["address"]) == (grant["subject"], "profile", "127.0.0.1")
        assert isinstance(grant["id"], bytes)
        assert row["grant_id"] == grant["id"].hex()

    def test_each_request_has_its_own_id(self, site: Site) -> None:
        """Each request has an id of its own."""
        client = site.register()
        site.token(client)
        site.token(client)
        assert len({line["request_id"] for line in site.log_lines()}) == 2

    def test_facts_have_only_fields_with_a_value(self) -> None:
        """A field without a value is in the row as NULL, and not in the line."""
        event = AuditEvent(event="token.revoked", at=NOON, reason="operator")
        assert event.facts() == {"at": NOON, "reason": "operator"}
        assert event.fields()["client_id"] is None
