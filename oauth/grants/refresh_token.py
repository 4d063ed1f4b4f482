"""The refresh token grant (RFC 6749, 6): rotation, replay and reuse (RFC 9700, 4.14.2).

Authlib saves the new token and then revokes the old one, in two transactions, so two requests may both
succeed. Here one conditional update decides, and the directory says whether the person may still log in.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from login import InvalidCredentials, Person, Refusal, has_changed, is_within
from models import AppPasswordEnded, NewToken, Renewal, record
from oauth.clients.registration import DETAILED_ERRORS
from oauth.errors import PasswordGrantClosed, invalid_refresh_token, invalid_scope
from oauth.grants.app_password import DISABLED, PASSWORD_CHANGED, end_app_password
from oauth.grants.missing_person import note_missing_person
from oauth.grants.password_warnings import password_warnings
from oauth.grants.pipeline import Grant, Issued
from oauth.policy.audience import narrow_audience
from oauth.policy.claims import granted_claims, id_token_claims, requested_in
from oauth.policy.closed_reason import PASSWORD
from oauth.policy.scope import is_wellformed, without_lost
from oauth.tokens.contents import SignIn, TokenContents
from oauth.tokens.format import ACCESS, REFRESH, key_of, last_second, stored_key
from oauth.tokens.presented import foreign_token
from oauth.tokens.rotation import Pair, RotatedToken
from telemetry import AuditEvent


class RefreshTokenGrant(Grant):
    """One use of a refresh token."""

    GRANT_TYPE = "refresh_token"
    REQUIRED = ("refresh_token",)
    PARAMETERS = frozenset({"grant_type", "refresh_token", "scope"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": (GRANT_TYPE,)}

    def read_credential(self) -> None:
        """Find the presented token (RFC 6749, 6).

        Raises:
            OAuth2Error: `invalid_grant`: the token is unknown, has ended, or was issued to another client.
            StoreUnavailable: the database cannot say.
        """
        self._presented = self.request.form["refresh_token"]
        key = key_of(REFRESH, self._presented)
        token = self.server.stores.refreshes.find(key) if key else None
        if token is not None and token.client_id != self.oauth_client.get_client_id():
            raise foreign_token(self.server.audit, self.request, token)
        if key is None or token is None or token.subject is None or not token.is_live(self.server.now()):
            raise invalid_refresh_token()
        self._key, self._token, self._subject = key, token, token.subject
        self.request.refresh_token = token
        self.request.app_password_id = token.app_password_id
        if token.origin == PASSWORD:
            self._require_open_grant()

    def _require_open_grant(self) -> None:
        """Announce the end of the password grant to a program that refreshes, and refuse it after the end.

        A program may log in once and then refresh for months: its logins alone would announce too little.

        Raises:
            OAuth2Error: `unauthorized_client`: the grant that the token began with has ended for the client.
        """
        client, token, server = self.oauth_client.registered, self._token, self.server
        rules = server.policy.password_grant
        self.request.response_headers = rules.headers(client)
        try:
            rules.check_refresh(client, token.origin, token.app_password_id, server.now())
        except PasswordGrantClosed as closed:
            server.audit.note_closed(self.request, closed.reason, token)
            raise

    def resolve_scope(self) -> str:
        """The grant's scope, or the requested part of it (RFC 6749, 6).

        Names that the client has lost since then are left out. For a client that is registered as tolerant,
        so are names that the grant does not have.
        """
        client = self.oauth_client
        granted = self._token.scope.split()
        requested: str | None = self.request.payload.scope
        wanted = granted if requested is None else requested.split()
        if client.is_scope_tolerant:
            wanted = [name for name in wanted if name in granted] or granted
        kept = without_lost(dict.fromkeys(wanted), client.registered)
        if not kept or not is_wellformed(requested or self._token.scope) or not set(wanted) <= set(granted):
            raise invalid_scope()
        return kept

    def resolve_audience(self) -> str | None:
        """The grant's audience, or the requested part of it (RFC 8707, 2.2)."""
        return narrow_audience(
            self.request.resources, self._token.audience, self.oauth_client.registered, self.server.issuer
        )

    def network_error(self, refusal: InvalidCredentials) -> Exception:
        """The error for an invalid token."""
        self.server.audit.note_refresh(self.request, refusal, self._token.subject)
        error: Exception = invalid_refresh_token()
        return error

    def find_person(self) -> Person | None:
        """The person as the directory has them now; None at a replay, whose first use was decided before.

        A disabled account or a new password ends the grant.

        Raises:
            OAuth2Error: `invalid_grant`: the person may not log in any more.
            DirectoryUnavailable: the directory cannot say; the token stays good.
        """
        token = self._token
        if token.app_password_networks and not is_within(self.request.address, token.app_password_networks):
            detail = "from none of the app password's networks"
            raise self.network_error(InvalidCredentials(Refusal.NOT_FROM_HERE, detail))
        if token.used_at is not None:
            return None
        try:
            person = self.server.login.read(self._subject, groups=self.wants_groups(token.scope))
            self.check_person(person)
        except InvalidCredentials as refusal:
            self._note_refusal(refusal)
            raise invalid_refresh_token() from None
        if token.missed:
            self.server.stores.missing_people.found(self._subject)
        if has_changed(person, token.password_changed_at) and not self._survives_password_change():
            self._end("token.revoked", PASSWORD_CHANGED)
            raise invalid_refresh_token()
        # A person who left a group may return to it: the grant keeps its scope, and the token stays good.
        return person

    def _survives_password_change(self) -> bool:
        return self._token.app_password_id is not None and self.server.policy.app_passwords_survive

    def issue(self, person: Person | None) -> Issued:
        """Rotate the token, or answer a replay with the tokens of its first use.

        A client that is registered for it gets warnings about the password too.

        Raises:
            OAuth2Error: `invalid_grant` for a reuse, which ends the grant.
            StoreUnavailable: nothing was stored; the token stays good.
        """
        if person is None:
            return self._replay()
        issued = self._renew(person)
        if self.oauth_client.registered.flags.get(DETAILED_ERRORS):
            issued.answer.update(password_warnings(person, self.server.now()))
        return issued

    def _renew(self, person: Person) -> Issued:
        """New tokens for the presented one.

        Raises:
            OAuth2Error: `invalid_grant` for a reuse, which ends the grant.
        """
        if self.oauth_client.keeps_refresh_token:
            return self._keep(person)
        now = self.server.now()
        claims = self._claims_of(person)
        rotated, contents = next(self._rotated(now)), self._contents(now, claims)
        access = self.server.token_issuer.access(self.oauth_client.registered, contents, rotated.access)
        pair = Pair(access, contents, rotated.refresh, rotated.refresh_expires_at)
        renewal = self._renewal(person, claims, pair)
        issued = self._store(self.server.stores.refreshes.rotate, renewal, pair, now)
        if issued is not None:
            return issued
        # Another request was first: this one is a replay of it.
        token = self.server.stores.refreshes.find(self._key)
        if token is None or not token.is_live(self.server.now()):
            raise invalid_refresh_token()
        self._token = token
        return self._replay()

    def _keep(self, person: Person) -> Issued:
        """A new access token beside the same refresh token. Nothing is used up, so there is no reuse."""
        now = self.server.now()
        claims = self._claims_of(person)
        contents = self._contents(now, claims)
        access = self.server.token_issuer.access(self.oauth_client.registered, contents)
        pair = Pair(access, contents, self._presented, self._idle_end(now))
        renewal = self._renewal(person, claims, pair)
        issued = self._store(self.server.stores.refreshes.keep, renewal, pair, now)
        if issued is None:
            raise invalid_refresh_token()
        return issued

    def _store(self, change: Callable[..., bool], renewal: Renewal, pair: Pair, now: int) -> Issued | None:
        """Store a renewal and its audit row.

        Args:
            change: the store's way, `rotate` or `keep`.
            renewal: what is stored.
            pair: the tokens to issue.
            now: seconds since the epoch.

        Returns:
            None if another request was faster.

        Raises:
            OAuth2Error: `invalid_grant`: the app password that gave the grant has ended.
        """
        event = self._event("token.refreshed")
        answer = self._answer(pair, now)
        try:
            is_stored = change(self._key, self._token, renewal, event, secret_used=self.request.secret_used)
        except AppPasswordEnded:
            raise invalid_refresh_token() from None
        return Issued(answer, (event,)) if is_stored else None

    def _idle_end(self, now: int) -> int:
        """When a kept token ends if it is not used again. It moves in steps, so that few uses write it.

        It is never after the last hour that the token itself carries: a token that was issued to be rotated
        carries an early hour.
        """
        token, lifetimes = self._token, self.server.token_issuer.lifetimes
        ends = min(now + lifetimes.refresh_idle, token.grant_expires_at, last_second(self._key))
        return token.expires_at if ends < token.expires_at + lifetimes.idle_steps() else ends

    def _replay(self) -> Issued:
        """The same tokens again, within the window and until the new refresh token is used.

        Any other second use is a reuse, and ends the grant.
        """
        now, used_at = self.server.now(), self._token.used_at or 0
        if now - used_at < self.server.rotated_tokens.replay_window:
            for rotated in self._rotated(used_at):
                pair = self._stored_pair(rotated, used_at)
                if pair is not None and now < pair.contents.expires_at:
                    event = replace(self._event("token.replayed"), scope=pair.contents.scope)
                    record(event)
                    return Issued(self._answer(pair, now), (event,))
        self._end("token.reused", "refresh_token_reused")
        raise invalid_refresh_token()

    def _stored_pair(self, rotated: RotatedToken, used_at: int) -> Pair | None:
        """The tokens that were made of the presented one, if `rotated` is one of them and still unused."""
        token = self._token
        stored = self.server.stores.refreshes.find(stored_key(REFRESH, rotated.refresh))
        if stored is None or stored.used_at is not None:
            return None
        contents = replace(
            self._contents(used_at, token.claims),
            scope=stored.access_scope or token.scope,
            audience=stored.access_audience or token.audience,
        )
        client = self.oauth_client.registered
        for access in self.server.token_issuer.repeated(client, contents, rotated.access):
            if self.server.stores.grants.find_access_token(stored_key(ACCESS, access)) is not None:
                return Pair(access, contents, rotated.refresh, rotated.refresh_expires_at)
        return None

    def _note_refusal(self, refusal: InvalidCredentials) -> None:
        """End the grant if the refusal is permanent. A lock is not: anyone can lock another's account."""
        token, missing_people = self._token, self.server.stores.missing_people
        if token.missed and refusal.reason is not Refusal.UNKNOWN_PERSON:
            missing_people.found(self._subject)
        if refusal.reason is Refusal.DISABLED:
            self._end("token.revoked", refusal.reason.value)
        elif refusal.reason is Refusal.UNKNOWN_PERSON:
            event = self._event("grant.revoked", refusal.reason.value)
            fields = self.request.facts()
            note_missing_person(missing_people, self.server.log, event, refusal.servers, fields)
        self.server.audit.note_refresh(self.request, refusal, token.subject)

    def _claims_of(self, person: Person) -> Mapping[str, object]:
        """The claims that the grant stores now; those that were requested singly stay requested."""
        client, rules, scope = self.oauth_client.registered, self.rules, self._token.scope
        return granted_claims(
            person, rules.permitted(person, scope), requested_in(self._token.claims), client, rules
        )

    def _contents(self, at: int, claims: Mapping[str, object]) -> TokenContents:
        """The contents of an access token that is issued at `at` (seconds since the epoch).

        `claims` are those that the grant stores.
        """
        token, client = self._token, self.oauth_client.registered
        ends = self.server.token_issuer.end(client, at)
        return TokenContents(
            sub=token.sub or token.subject,
            scope=self.request.granted_scope,
            audience=self.request.granted_audience,
            auth_time=token.auth_time,
            issued_at=at,
            expires_at=min(ends, token.grant_expires_at),
            sign_in=SignIn.of_refresh(token, id_token_claims(claims, client.released_claims)),
            by_app_password=token.app_password_id is not None,
        )

    def _rotated(self, at: int) -> Iterator[RotatedToken]:
        token = self._token
        return self.server.rotated_tokens.of(self._presented, token.generation, at, token.grant_expires_at)

    def _renewal(self, person: Person, claims: Mapping[str, object], pair: Pair) -> Renewal:
        return Renewal(
            at=pair.contents.issued_at,
            access=NewToken(
                key=stored_key(ACCESS, pair.access),
                expires_at=pair.contents.expires_at,
                audience=pair.contents.audience,
            ),
            refresh=NewToken(key=stored_key(REFRESH, pair.refresh), expires_at=pair.refresh_expires_at),
            scope=pair.contents.scope,
            claims=claims,
            net_id=None if person.private else person.net_id,
            private=person.private,
        )

    def _end(self, name: str, reason: str) -> None:
        """End the grant. What ends an app password ends all grants that it gave."""
        app_password_id = self._token.app_password_id
        if app_password_id is not None and reason in {DISABLED, PASSWORD_CHANGED}:
            end_app_password(self.server, self.request, app_password_id, self._subject, reason)
            return
        event = self._event(name, reason)
        self.server.stores.grants.revoke_grant(self._token.grant_id, event)
        self.server.log.warning(event.event, **event.facts())

    def _event(self, name: str, reason: str | None = None) -> AuditEvent:
        return self.server.audit.event(
            name,
            self.request,
            subject=self._token.subject,
            grant_id=self._token.grant_id,
            scope=self.request.granted_scope,
            reason=reason,
        )

    def _answer(self, pair: Pair, now: int) -> dict[str, object]:
        client = self.oauth_client.registered
        return self.server.token_issuer.answer(client, pair.contents, pair.access, pair.refresh, now)
