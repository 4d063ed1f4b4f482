"""No log and no database contains what a user typed, a cookie, a handle or a code."""

import logging
from pathlib import Path

import pytest

from tests.conftest import Site
from tests.telemetry.canaries import Canaries
from tests.web.signin.visitor import Visitor, flow_of, page_of, parameters_of, register
from wiring.audit import write_refusals

WRONG, NAME = "wrong-canary-4711", "name-canary-4712"


def test_nothing_secret_is_written_anywhere(
    site: Site, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the level DEBUG too: sign-ins, refusals, consent, codes, a changed account (P2)."""
    caplog.set_level(logging.DEBUG)
    client, visitor = register(site), Visitor(site)
    canaries = Canaries(["alice-password", "carol-password", WRONG, NAME])
    page = visitor.open(client)
    canaries.words += [flow_of(page), page_of(page).fields[-1]["csrf_token"]]
    for name, password in (("alice", WRONG), (NAME, WRONG), (WRONG, "alice-password"), (NAME, "")):
        page = visitor.sign_in(page, name, password)
    answer = visitor.allow(visitor.sign_in(page))
    canaries.words += [parameters_of(answer)["code"], visitor.cookie() or ""]
    page = visitor.open(client, prompt="login", login_hint=NAME)
    answer = visitor.allow(visitor.sign_in(page, "carol", "carol-password"))
    canaries.words += [parameters_of(answer)["code"], visitor.cookie() or "", flow_of(page)]
    write_refusals(site.app)
    dump = b"".join(path.read_bytes() for path in Path(site.app.instance_path).glob("netid.sqlite3*"))
    printed = capsys.readouterr()
    written = [site.log.getvalue(), caplog.text, printed.out, printed.err]
    assert all(canaries.words)
    # The form keeps a login hint as the program sent it: it is no text that a user typed.
    stored = Canaries([word for word in canaries.words if word != NAME])
    assert [canaries.found_in(text) for text in written] == [[], [], [], []]
    assert stored.found_in(dump.decode("latin-1")) == []
