"""Requests that wait at a browser: what a handle is good for."""

from pathlib import Path

import pytest

from models import RequestStore
from tests.conftest import Registered, Site
from tests.web.signin.visitor import Visitor, flow_of
from web.signin.flows import Flow, Flows

COOKIE, LATER = b"before", b"after"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "me",
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/me\r\nX: y",
        "javascript:alert(1)",
    ],
)
def test_flow_leads_to_paths_of_this_server_only(site: Site, path: str) -> None:
    """A path that a browser takes for another site is refused where it is stored (CWE-601)."""
    with site.app.app_context(), pytest.raises(ValueError, match="path on this server"):
        Flows(RequestStore(site.clock), site.clock).begin_page(path)


def test_flow_leads_back_to_its_page(site: Site) -> None:
    """With its query."""
    flows = Flows(RequestStore(site.clock), site.clock)
    with site.app.app_context():
        flow = flows.begin_page("/device?user_code=ABCD")
        assert flows.find(flow.handle) == flow


def test_handle_is_stored_as_a_digest(site: Site, client: Registered, visitor: Visitor) -> None:
    """A reader of the database cannot go on with a user's flow, nor with a session."""
    page = visitor.open(client)
    visitor.sign_in(page)
    files = list(Path(site.app.instance_path).glob("netid.sqlite3*"))
    dump = b"".join(path.read_bytes() for path in files)
    assert client.client_id.encode() in dump
    assert flow_of(page).encode() not in dump
    assert (visitor.cookie() or "").encode() not in dump


@pytest.mark.parametrize(
    ("began_with", "now_with", "auth_time", "is_fresh"),
    [
        ("", LATER, 1000, True),
        (COOKIE.hex(), LATER, 1000, True),
        (COOKIE.hex(), COOKIE, 1000, False),
        (COOKIE.hex(), LATER, 999, False),
        ("", LATER, 999, False),
        (None, LATER, 1000, False),
    ],
)
def test_sign_in_is_fresh_if_cookie_and_time_are_newer_than_the_request(
    began_with: str | None,
    now_with: bytes,
    auth_time: int,
    is_fresh: bool,  # noqa: FBT001
) -> None:
    """The request came at second 1000."""
    flow = Flow("handle", "client", {}, None, 1000, cookie=began_with)
    assert flow.is_fresh(now_with, auth_time) is is_fresh
