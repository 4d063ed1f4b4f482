"""Signing in with PostgreSQL, and what happens while it is away."""

from collections.abc import Callable, Iterator

import pytest
from flask_migrate import upgrade

from models import db
from tests.conftest import Registered, Site
from tests.servers.postgresql import Postgresql
from tests.web.signin.visitor import Visitor, page_of, parameters_of

pytestmark = pytest.mark.server

_NAME = "signin"


@pytest.fixture
def site(postgresql: Postgresql, make_site: Callable[..., Site]) -> Iterator[Site]:
    """A site with a database of its own on PostgreSQL."""
    made = make_site(NETID_DATABASE_URL=postgresql.create_database(_NAME))
    with made.app.app_context():
        upgrade()
    yield made
    with made.app.app_context():
        db.engine.dispose()
    postgresql.drop_database(_NAME)


def test_flow_leads_from_the_sign_in_to_a_code(client: Registered, visitor: Visitor) -> None:
    """Sign-in, consent, code; a second request from the session; a second sign-in with a new cookie."""
    assert "code" in parameters_of(visitor.allow(visitor.sign_in(visitor.open(client))))
    assert "code" in parameters_of(visitor.open(client))
    before = visitor.cookie()
    assert "code" in parameters_of(visitor.sign_in(visitor.open(client, prompt="login")))
    assert visitor.cookie() != before


@pytest.mark.parametrize("name", ["\u202e", "x" * 300, "\ud83d\ude00", "\\u0000"])
def test_odd_text_is_a_wrong_name(client: Registered, visitor: Visitor, name: str) -> None:
    """PostgreSQL refuses texts that SQLite takes."""
    typed = name.encode("utf-16", "surrogatepass").decode("utf-16")
    answer = visitor.sign_in(visitor.open(client, state=typed[:50], login_hint=typed[:50]), typed, typed)
    assert answer.status_code == 400
    assert "is wrong" in page_of(answer).text


def test_database_that_is_away_between_two_steps_costs_nothing(
    site: Site, client: Registered, visitor: Visitor, postgresql: Postgresql
) -> None:
    """A page with 503; the same form works when the database is back."""
    page = visitor.sign_in(visitor.open(client))
    postgresql.stop()
    try:
        answer = visitor.allow(page)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "Not available right now" in page_of(answer).title
    finally:
        postgresql.start()
    assert "code" in parameters_of(visitor.allow(page))
