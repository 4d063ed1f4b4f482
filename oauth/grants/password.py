"""The Resource Owner Password Credentials grant (RFC 6749, 4.3)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from login import Person
from oauth.clients.registration import DETAILED_ERRORS
from oauth.grants.pipeline import Grant, Issued


class PasswordGrant(Grant):
    """Exchanges a login name and a password for tokens.

    Client, scope and audience are decided before the directory is asked. A request that must fail anyway
    costs no bind and reveals nothing about a password.
    """

    GRANT_TYPE = "password"
    REQUIRED = ("username", "password")
    PARAMETERS = frozenset({"grant_type", "username", "password", "scope"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": (GRANT_TYPE,)}

    def find_person(self) -> Person:
        """The person, if the directory accepts the password.

        The rules about people are applied within the login: a refusal by a rule must look like a wrong
        password, and count as one.
        """
        request = self.request
        return self.server.login.authenticate(
            request.form["username"],
            request.form["password"],
            client_id=self.oauth_client.get_client_id(),
            address=request.address,
            groups=self.wants_groups(request.granted_scope),
            check=self.check_person,
        )

    def issue(self, person: Person | None) -> Issued:
        """Issue the tokens; a client that is registered for it gets warnings about the password too."""
        issued = super().issue(person)
        if person is not None and self.oauth_client.registered.flags.get(DETAILED_ERRORS):
            issued.answer.update(_warnings(person, self.server.now()))
        return issued


def _warnings(person: Person, now: int) -> dict[str, object]:
    """The remaining lifetime of the password in seconds, and its grace logins."""
    expires_at, grace = person.password_expires_at, person.grace_logins_remaining
    warnings: dict[str, object] = {}
    if expires_at is not None:
        warnings["password_expires_in"] = max(0, expires_at - now)
    if grace is not None:
        warnings["grace_logins_remaining"] = grace
    return warnings
