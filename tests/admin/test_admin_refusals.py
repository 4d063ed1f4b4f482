"""Requests that use cases refuse: each refusal is an error with a sentence for the operator."""

from collections.abc import Callable, Iterator

import pytest

from admin import OperationRefused, Services
from admin.clients import (
    AmbiguousClient,
    ClientTypeFixed,
    InvalidRegistration,
    PublicClientHasNoSecret,
    UnknownClient,
    UnknownSecret,
    create_client,
    delete_client,
    find_client,
    retire_secret,
    rotate_secret,
    update_client,
)
from admin.grants import NotAGrantId, NothingSelected, plan_revocation
from admin.people import AmbiguousPerson, PersonLookup
from admin.scopes import (
    DirectoryCannotSay,
    InvalidScope,
    UnknownPerson,
    UnknownScope,
    create_scope,
    delete_scope,
    explain_scopes,
)
from admin.tokens import NotAToken, revoke_token
from cli import services_of
from directory import DirectoryUnavailable, InvalidCredentials, Refusal
from models import Scope
from telemetry import Actor
from tests.conftest import Site
from tests.fakes import FakeDirectory

ACTOR = Actor("operator")
TWO = PersonLookup("alice", ["one", "two"])
PUBLIC = {"token_endpoint_auth_method": "none"}


@pytest.fixture
def services(make_site: Callable[..., Site]) -> Iterator[Services]:
    """The services of an application with a confidential, a public and two clients of one name."""
    site = make_site(FakeDirectory(InvalidCredentials(Refusal.UNKNOWN_PERSON)))
    with site.app.app_context():
        services = services_of(site.app)
        for name, changes in (("Library", {}), ("page", PUBLIC), ("twin", {}), ("twin", {})):
            create_client(services, name, changes, actor=ACTOR)
        yield services


REFUSED: list[tuple[type[OperationRefused], Callable[[Services], object]]] = [
    (UnknownClient, lambda services: find_client(services, "nobody")),
    (UnknownClient, lambda services: delete_client(services, "nobody", actor=ACTOR)),
    (AmbiguousClient, lambda services: find_client(services, "twin")),
    (InvalidRegistration, lambda services: create_client(services, "", {}, actor=ACTOR)),
    (InvalidRegistration, lambda services: update_client(services, "page", {"scope": '"'}, actor=ACTOR)),
    (ClientTypeFixed, lambda services: update_client(services, "Library", PUBLIC, actor=ACTOR)),
    (PublicClientHasNoSecret, lambda services: rotate_secret(services, "page", old_not_after=0, actor=ACTOR)),
    (UnknownSecret, lambda services: retire_secret(services, "Library", 2, actor=ACTOR)),
    (NothingSelected, plan_revocation),
    (NothingSelected, lambda services: plan_revocation(services, before=1)),
    (NothingSelected, lambda services: plan_revocation(services, grant_id="00" * 19, everyone=True)),
    (NotAGrantId, lambda services: plan_revocation(services, grant_id="nida_abc")),
    (AmbiguousPerson, lambda services: plan_revocation(services, person=TWO)),
    (NotAToken, lambda services: revoke_token(services, "a password", actor=ACTOR)),
    (InvalidScope, lambda services: create_scope(services, Scope("a b"), actor=ACTOR)),
    (UnknownScope, lambda services: delete_scope(services, "payroll", actor=ACTOR)),
    (UnknownPerson, lambda services: explain_scopes(services, find_client(services, "page"), "alice")),
]


@pytest.mark.parametrize(("error", "use_case"), REFUSED, ids=[each.__name__ for each, _ in REFUSED])
def test_refusal_is_an_error_with_sentences_and_changes_nothing(
    services: Services, error: type[OperationRefused], use_case: Callable[[Services], object]
) -> None:
    """The error has sentences for the operator, and every client stays unchanged."""
    before = services.clients.list()
    with pytest.raises(error) as refused:
        use_case(services)
    assert refused.value.sentences
    assert all(sentence.endswith(".") for sentence in refused.value.sentences)
    assert services.clients.list() == before


def test_text_that_is_no_token_is_not_repeated(services: Services) -> None:
    """A text that is no token may be a password, so the error does not repeat it."""
    with pytest.raises(NotAToken) as refused:
        revoke_token(services, "correct horse", actor=ACTOR)
    assert "correct horse" not in str(refused.value)


def test_directory_that_is_away_is_no_unknown_person(make_site: Callable[..., Site]) -> None:
    """If the directory does not answer, the error does not call the user unknown."""
    site = make_site(FakeDirectory(DirectoryUnavailable("gone fishing")))
    with site.app.app_context():
        client = create_client(services_of(site.app), "page", PUBLIC, actor=ACTOR).client
        with pytest.raises(DirectoryCannotSay, match="gone fishing"):
            explain_scopes(services_of(site.app), client, "alice")
