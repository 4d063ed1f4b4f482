"""The refresh token grant (RFC 6749, 6): rotation, replay and reuse (RFC 9700, 4.14.2).

Authlib saves the new token and then revokes the old one, in two transactions and without looking who else
does. Here one conditional update decides, and the directory is asked whether the person still may.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from authlib.oauth2.rfc6749.grants import RefreshTokenGrant

from login import InvalidCredentials, Person, Refusal
from models import NewToken, RefreshToken, Renewal, record
from oauth.clients.authentication import METHODS
from oauth.clients.registration import TOLERANT_SCOPE, keeps_refresh_token
from oauth.errors import invalid_refresh_token, invalid_scope, missing, unauthorized_client
from oauth.grants.missing_person import note_absence
from oauth.policy.audience import narrow_audience
from oauth.policy.claims import claims_of
from oauth.policy.permission import permit
from oauth.policy.scope import DEFAULT, is_wellformed
from oauth.tokens.format import ACCESS, REFRESH, key_of, last_second, stored_key
from oauth.tokens.issuer import TokenContents
from oauth.tokens.presented import foreign_token
from oauth.tokens.rotation import Pair, RotatedToken
from telemetry import AuditEvent


class RefreshGrant(RefreshTokenGrant):
    """One use of a refresh token."""

    TOKEN_ENDPOINT_AUTH_METHODS = METHODS
    PARAMETERS = frozenset({"grant_type", "refresh_token", "scope"})
    REPEATABLE_PARAMETERS = frozenset({"resource"})
    METADATA: ClassVar[Mapping[str, Sequence[str]]] = {"grant_types_supported": ("refresh_token",)}

    def validate_token_request(self) -> None:
        """Authenticate the client and find its token (RFC 6749, 6).

        Raises:
            OAuth2Error: as section 5.2 names it.
            StoreUnavailable: the database cannot say.
        """
        client = self.authenticate_token_endpoint_client()
        self.request.client = client
        if not client.check_grant_type(self.GRANT_TYPE):
            raise unauthorized_client()
        if self.GRANT_TYPE not in self.request.form:
            raise missing(self.GRANT_TYPE)
        key = key_of(REFRESH, self.request.form[self.GRANT_TYPE])
        found = self.server.refreshes.find(key) if key else None
        if found is not None and found.client_id != client.get_client_id():
            raise foreign_token(self.server.refusals, self.server.log, self.request, found)
        if found is None or not found.is_live(self.server.now()):
            raise invalid_refresh_token()
        self._check_network(found)
        self.request.refresh_token = key, found
        self.request.granted_scope = self._scope(found)
        self.request.granted_audience = narrow_audience(
            self.request.resources, found.audience, client.registered, self.server.issuer
        )
        self._rules = self.server.catalogue.rules()

    def create_token_response(self) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """Rotate, or answer a replay with the same successor.

        Raises:
            OAuth2Error: `invalid_grant` for a reuse, which ends the family, and for a person who may no more.
            DirectoryUnavailable: nothing can be said of the person; the token stays good.
            StoreUnavailable: nothing was stored; the token stays good.
        """
        key, found = self.request.refresh_token
        if found.used_at is None and keeps_refresh_token(self.request.client.registered):
            return self._keep(key, found)
        if found.used_at is None:
            person, now = self._person(found), self.server.now()
            successor, facts = next(self._successors(found, now)), self._facts(found, now)
            access = self.server.minter.access(self.request.client.registered, facts, successor.access)
            pair = Pair(access, facts, successor.refresh, successor.refresh_expires_at)
            event, renewal = self._event("token.refreshed", found), self._renewal(found, person, pair)
            answer, used = self._answer(pair, now), self.request.secret_used
            if self.server.refreshes.rotate(key, found, renewal, event, secret_used=used):
                self.server.log.info(event.event, **event.facts())
                return answer
            # Another request was first: this one is a replay of it.
            found = self.server.refreshes.find(key)
            if found is None or not found.is_live(self.server.now()):
                raise invalid_refresh_token()
        return self._replay(found)

    def _keep(self, key: bytes, found: RefreshToken) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """A new access token beside the same refresh token; nothing is used up, so nothing is a reuse."""
        person, now = self._person(found), self.server.now()
        facts, kept = self._facts(found, now), self.request.form[self.GRANT_TYPE]
        access = self.server.minter.access(self.request.client.registered, facts)
        pair = Pair(access, facts, kept, self._idle_end(key, found, now))
        event, renewal = self._event("token.refreshed", found), self._renewal(found, person, pair)
        answer, used = self._answer(pair, now), self.request.secret_used
        if not self.server.refreshes.keep(key, found, renewal, event, secret_used=used):
            raise invalid_refresh_token()
        self.server.log.info(event.event, **event.facts())
        return answer

    def _idle_end(self, key: bytes, found: RefreshToken, now: int) -> int:
        """When a kept token dies if it is not used again; moved in steps, so that few uses write it.

        Never past its last hour, which stands in the token: one that was issued to be rotated has few.
        """
        lifetimes = self.server.lifetimes
        ends: int = min(now + lifetimes.refresh_idle, found.grant_expires_at, last_second(key))
        return found.expires_at if ends < found.expires_at + lifetimes.idle_steps() else ends

    def _replay(self, found: RefreshToken) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        """The same successor, within the window and until it was used itself; else the family ends."""
        now, used_at = self.server.now(), found.used_at or 0
        if now - used_at < self.server.replay_window:
            for successor in self._successors(found, used_at):
                pair = self._stored_pair(found, successor, used_at)
                if pair is not None and now < pair.facts.expires_at:
                    event = replace(self._event("token.replayed", found), scope=pair.facts.scope)
                    record(event)
                    self.server.log.info(event.event, **event.facts())
                    return self._answer(pair, now)
        self._end(found, "token.reused", "refresh_token_reused")
        raise invalid_refresh_token()

    def _stored_pair(self, found: RefreshToken, successor: RotatedToken, used_at: int) -> Pair | None:
        """The tokens that were made of the presented one, if it was of these, and they were not used yet."""
        stored = self.server.refreshes.find(stored_key(REFRESH, successor.refresh))
        if stored is None or stored.used_at is not None:
            return None
        facts = replace(
            self._facts(found, used_at),
            scope=stored.access_scope or found.scope,
            audience=stored.access_audience or found.audience,
        )
        client = self.request.client.registered
        for access in self.server.minter.repeated(client, facts, successor.access):
            if self.server.grants.find_access_token(stored_key(ACCESS, access)) is not None:
                return Pair(access, facts, successor.refresh, successor.refresh_expires_at)
        return None

    def _person(self, found: RefreshToken) -> Person:
        """The person as the directory has them now; being disabled, or a new password, ends the family."""
        client = self.request.client.registered
        try:
            groups = self.server.wants_groups(client, found.scope, self._rules)
            person: Person = self.server.login.read(found.subject, groups=groups)
            self.server.restrictions.check_person(client, person)
        except InvalidCredentials as refusal:
            self._refused(found, refusal)
            raise invalid_refresh_token() from None
        if found.missed:
            self.server.absences.found(found.subject)
        changed, known = person.password_changed_at, found.password_changed_at
        if changed is not None and (known is None or changed > known):
            self._end(found, "token.revoked", "password_changed")
            raise invalid_refresh_token()
        # Who left a group may come back to it: the grant keeps its scope, and the token stays good.
        permit(self.request, person, self._rules, self.server.refusals, self.server.log)
        return person

    def _refused(self, found: RefreshToken, refusal: InvalidCredentials) -> None:
        """What a refusal ends: of who is locked out nothing, since anyone can do that to somebody else."""
        if found.missed and refusal.reason is not Refusal.UNKNOWN_PERSON:
            self.server.absences.found(found.subject)
        if refusal.reason is Refusal.DISABLED:
            self._end(found, "token.revoked", refusal.reason.value)
        elif refusal.reason is Refusal.UNKNOWN_PERSON:
            event = self._event("grant.revoked", found, refusal.reason.value)
            note_absence(self.server.absences, self.server.log, event, refusal.servers, self.request.facts())
        self._log_refusal(found, refusal)

    def _check_network(self, found: RefreshToken) -> None:
        try:
            self.server.restrictions.check_network(self.request.client.registered, self.request.address)
        except InvalidCredentials as refusal:
            self._log_refusal(found, refusal)
            raise invalid_refresh_token() from None

    def _log_refusal(self, found: RefreshToken, refusal: InvalidCredentials) -> None:
        noted = self.server.refusals.note(self.request, refusal, subject=found.subject)
        why = {"reason": noted.reason, "subject": noted.subject, "detail": refusal.detail}
        self.server.log.warning(noted.event, **why, **self.request.facts())

    def _scope(self, found: RefreshToken) -> str:
        """The grant's scope, or a narrower one where that is asked (RFC 6749, 6).

        What has been taken from the client since then is left out; so is what the grant does not have, for a
        client that is registered as tolerant.
        """
        granted, registered = found.scope.split(), self.request.client.registered.scope.split()
        requested: str | None = self.request.payload.scope
        wanted = granted if requested is None else requested.split()
        if self.request.client.registered.flags.get(TOLERANT_SCOPE):
            wanted = [part for part in wanted if part in granted] or granted
        kept = [part for part in dict.fromkeys(wanted) if part in registered or part == DEFAULT]
        if not kept or not is_wellformed(requested or found.scope) or not set(wanted) <= set(granted):
            raise invalid_scope()
        return " ".join(kept)

    def _facts(self, found: RefreshToken, at: int) -> TokenContents:
        """What an access token that is issued at `at` (seconds since the epoch) stands for."""
        ends = self.server.minter.end(self.request.client.registered, at)
        return TokenContents(
            sub=found.sub or found.subject,
            scope=self.request.granted_scope,
            audience=self.request.granted_audience,
            auth_time=found.auth_time,
            issued_at=at,
            expires_at=min(ends, found.grant_expires_at),
        )

    def _successors(self, found: RefreshToken, at: int) -> Iterator[RotatedToken]:
        presented = self.request.form[self.GRANT_TYPE]
        made: Iterator[RotatedToken] = self.server.successors.of(
            presented, found.generation, at, found.grant_expires_at
        )
        return made

    def _renewal(self, found: RefreshToken, person: Person, pair: Pair) -> Renewal:
        released = self.request.client.registered.released_claims
        return Renewal(
            at=pair.facts.issued_at,
            access=NewToken(key=stored_key(ACCESS, pair.access), expires_at=pair.facts.expires_at),
            refresh=NewToken(key=stored_key(REFRESH, pair.refresh), expires_at=pair.refresh_expires_at),
            scope=pair.facts.scope,
            audience=pair.facts.audience,
            claims=claims_of(person, self._rules.permitted(person, found.scope), released),
            net_id=None if person.private else person.net_id,
            private=person.private,
        )

    def _end(self, found: RefreshToken, name: str, reason: str) -> None:
        event = self._event(name, found, reason)
        self.server.grants.revoke_grant(found.grant_id, event)
        self.server.log.warning(event.event, **event.facts())

    def _event(self, name: str, found: RefreshToken, reason: str | None = None) -> AuditEvent:
        event: AuditEvent = self.server.event(
            name,
            self.request,
            subject=found.subject,
            grant_id=found.grant_id,
            scope=self.request.granted_scope,
            reason=reason,
        )
        return event

    def _answer(self, pair: Pair, now: int) -> tuple[int, dict[str, object], list[tuple[str, str]]]:
        client = self.request.client.registered
        body = self.server.minter.answer(client, pair.facts, pair.access, pair.refresh, now)
        return 200, body, self.TOKEN_RESPONSE_HEADER
