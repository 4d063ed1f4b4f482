"""What a person is granted of the scope that their program may have, in every grant with a person."""

from login import Person
from oauth.errors import scope_not_for_person
from oauth.front import StrictRequest
from oauth.scope_rules import ScopeRules
from telemetry import Log


def permit(request: StrictRequest, person: Person, rules: ScopeRules, log: Log) -> None:
    """Leave in the granted scope of `request` what `person` may have (RFC 6749, 3.3).

    Args:
        request: with its scope as the client's registration settled it.
        person: with their groups, where the rules ask for them; who they are is proven.
        rules: of the catalogue, those that the groups were asked by.
        log: told whom the rules leave nothing.

    Raises:
        OAuth2Error: `invalid_scope`, where they may have nothing of it.
    """
    asked = request.granted_scope
    request.granted_scope = rules.permitted(person, asked)
    if not request.granted_scope:
        log.warning("grant.refused", reason="scope", subject=person.id, scope=asked, **request.facts())
        raise scope_not_for_person()
