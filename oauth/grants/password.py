"""The Resource Owner Password Credentials grant (RFC 6749, 4.3)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from login import AppPasswordLoginRefused, Person, Refusal, is_app_password
from models import AppPasswordEnded
from oauth.clients.registration import DETAILED_ERRORS
from oauth.errors import PasswordGrantClosed, scope_not_for_app_password
from oauth.grants.app_password import note_refused_app_password
from oauth.grants.password_warnings import password_warnings
from oauth.grants.pipeline import Grant, Issued


class PasswordGrant(Grant):
    """Exchanges a login name and a password, or an app password, for tokens.

    Client, scope and audience are decided before the directory is asked. A request that must fail anyway
    costs no bind and reveals nothing about a password.
    """

    GRANT_TYPE = "password"
    REQUIRED = ("username", "password")
    PARAMETERS = frozenset({"grant_type", "username", "password", "scope"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": (GRANT_TYPE,)}

    def response_headers(self) -> Sequence[tuple[str, str]]:
        """What announces the end of the grant to the client (RFC 9745, RFC 8594)."""
        return self.server.policy.password_grant.headers(self.oauth_client.registered)

    def read_credential(self) -> None:
        """Refuse what the operator's policy excludes, before the directory or a limit sees the password.

        Raises:
            OAuth2Error: `unauthorized_client`: the policy refuses this kind of password now.
        """
        client, server = self.oauth_client.registered, self.server
        # Valid or not, it is never sent to the directory.
        is_one = self._uses_app_password = is_app_password(self.request.form["password"])
        try:
            server.policy.password_grant.check(client, is_app_password=is_one, now=server.now())
        except PasswordGrantClosed as closed:
            server.audit.note_closed(self.request, closed.reason)
            raise

    def check_person(self, person: Person) -> None:
        """Apply the rules that exclude people, and then that of a client that is closed to new people.

        Raises:
            InvalidCredentials: a rule refuses the person, or the person is new to the client.
            StoreUnavailable: the database cannot say whether the person is new.
        """
        if self._checked is not person:
            super().check_person(person)
            self.server.policy.known_people.check(self.oauth_client.registered, person)

    def find_person(self) -> Person:
        """The person, if the directory accepts the password, or the app password is theirs.

        The rules about people are applied within the login: a refusal by a rule must look like a wrong
        password, and count as one.
        """
        if self._uses_app_password:
            return self._find_owner()
        request = self.request
        return self.server.login.authenticate(
            request.form["username"],
            request.form["password"],
            client_id=self.oauth_client.get_client_id(),
            address=request.address,
            groups=self.wants_groups(request.granted_scope),
            check=self.check_person,
        )

    def _find_owner(self) -> Person:
        """The owner of the app password. The granted scope is reduced to that of the app password.

        Raises:
            OAuth2Error: `invalid_scope`: the app password gives none of the scope.
        """
        request, server = self.request, self.server
        try:
            person, record = server.login.app_passwords.authenticate(
                request.form["username"],
                request.form["password"],
                client_id=self.oauth_client.get_client_id(),
                address=request.address,
                groups=self.wants_groups(request.granted_scope),
                check=self.check_person,
            )
        except AppPasswordLoginRefused as refusal:
            note_refused_app_password(server, request, refusal)
            raise
        request.app_password_id, self._app_password = record.id, record
        if record.missed:
            server.stores.missing_people.found(record.subject, directory=record.directory)
        if record.scope:
            given = record.scope.split()
            request.granted_scope = " ".join(name for name in request.granted_scope.split() if name in given)
            if not request.granted_scope:
                server.audit.note_scope(request, person.id)
                raise scope_not_for_app_password()
        return person

    def issue(self, person: Person | None) -> Issued:
        """Issue the tokens; a client that is registered for it gets warnings about the password too.

        Raises:
            AppPasswordLoginRefused: the app password ended during the login; nothing was stored.
        """
        try:
            issued = super().issue(person)
        except AppPasswordEnded:
            detail = "the app password ended during the login"
            raise AppPasswordLoginRefused(Refusal.APP_PASSWORD_ENDED, detail, self._app_password) from None
        if person is not None and self.oauth_client.registered.flags.get(DETAILED_ERRORS):
            issued.answer.update(password_warnings(person, self.server.now()))
        return issued
