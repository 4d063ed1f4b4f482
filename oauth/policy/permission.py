"""What a person is granted of the scope that their program may have, in every grant with a person."""

from login import Person
from oauth.audit import Refusals
from oauth.errors import scope_not_for_person
from oauth.policy.scope_registry import ScopeRules
from oauth.token_request import TokenRequest
from telemetry import Log


def permit(request: TokenRequest, person: Person, rules: ScopeRules, refusals: Refusals, log: Log) -> None:
    """Leave in the granted scope of `request` what `person` may have (RFC 6749, 3.3).

    Args:
        request: with its scope as the client's registration settled it.
        person: with their groups, where the rules ask for them; who they are is proven.
        rules: of the catalogue, those that the groups were asked by.
        refusals: told whom the rules leave nothing.
        log: told the same.

    Raises:
        OAuth2Error: `invalid_scope`, where they may have nothing of it.
    """
    permitted = rules.permitted(person, request.granted_scope)
    if not permitted:
        noted = refusals.note_scope(request, person.id)
        log.warning(noted.event, **noted.facts())
        raise scope_not_for_person()
    request.granted_scope = permitted
