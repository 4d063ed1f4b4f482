"""When a client may use the password grant, and what its answers announce.

Owns: the headers Deprecation (RFC 9745), Sunset (RFC 8594) and Link (RFC 8288), and who is new to a client.
`closed_reason.py` has the reasons of refusals, which commands need too. Only `KnownPeople` asks the database,
and nothing here asks the directory. Must not know: how a password is verified, and who sets a policy.
"""

from collections.abc import Callable, Sequence
from email.utils import formatdate
from functools import lru_cache
from threading import Lock

from login import InvalidCredentials, Person, Refusal
from models import DEFAULT_POLICY, Client, PasswordGrantPolicy
from oauth.errors import PasswordGrantClosed
from oauth.policy.closed_reason import PASSWORD, closed_reason, earliest_end, final_reason

# RFC 9700, which forbids the grant, was published in this month; the grant is deprecated since its last day.
_FORBIDDEN_SINCE = 1_738_281_600
_CACHED_HEADERS = 1024
_KNOWN_PEOPLE = 20_000


class PasswordGrantRules:
    """The server's end of the password grant, and the policy of each client. The earlier end applies.

    Every check takes the client as it was read for the request, so it costs a few attribute reads.
    """

    def __init__(
        self, ends_at: int | None = None, help_uri: str | None = None, metadata_uri: str | None = None
    ) -> None:
        """Take what holds for every client.

        Args:
            ends_at: when Net ID passwords are refused for every client, in seconds since the epoch.
            help_uri: the campus's page about the end, for `error_uri` and `Link`.
            metadata_uri: the server's metadata document, which names the other grants.
        """
        self.ends_at = ends_at
        self.help_uri = help_uri
        self._metadata_uri = metadata_uri
        self._headers_of = lru_cache(maxsize=_CACHED_HEADERS)(self._headers)

    def check(self, client: Client, *, is_app_password: bool, now: int) -> None:
        """Refuse a login that the policy excludes, before anything else is asked about it.

        Args:
            client: as registered.
            is_app_password: whether the sent password has the form of an app password, valid or not.
            now: seconds since the epoch.

        Raises:
            PasswordGrantClosed: `unauthorized_client`, with its reason and the campus's page.
        """
        policy = client.password_grant
        if policy == DEFAULT_POLICY and self.ends_at is None:
            return
        reason = closed_reason(policy, self.ends_at, is_app_password=is_app_password, now=now)
        if reason is not None:
            raise PasswordGrantClosed(reason, self.help_uri)

    def check_refresh(self, client: Client, origin: str, app_password_id: bytes | None, now: int) -> None:
        """Refuse a refresh of tokens that began with the password grant, once that has ended.

        A brown-out leaves refreshing alone, and so does the rule that only app passwords may begin a login.
        The tokens do not end, so that they work again when the operator undoes the step.

        Args:
            client: as registered.
            origin: the grant type that the tokens began with.
            app_password_id: the app password that they began with; None for a Net ID password.
            now: seconds since the epoch.

        Raises:
            PasswordGrantClosed: `unauthorized_client`, as `check`.
        """
        policy = client.password_grant
        if origin != PASSWORD or (policy == DEFAULT_POLICY and self.ends_at is None):
            return
        reason = final_reason(policy, self.ends_at, is_app_password=app_password_id is not None, now=now)
        if reason is not None:
            raise PasswordGrantClosed(reason, self.help_uri)

    def headers(self, client: Client) -> Sequence[tuple[str, str]]:
        """The headers that announce the end to the client's program; none if no date is set.

        They depend on the dates only, so one text serves all answers until a date changes.

        Args:
            client: as registered.
        """
        policy = client.password_grant
        if policy == DEFAULT_POLICY and self.ends_at is None:
            return ()
        return self._headers_of(policy)

    def _headers(self, policy: PasswordGrantPolicy) -> Sequence[tuple[str, str]]:
        ends = earliest_end(policy, self.ends_at)
        if ends is None and policy.announced_at is None:
            return ()
        since = policy.announced_at if policy.announced_at is not None else _FORBIDDEN_SINCE
        if ends is not None:
            # The Sunset may not be before the Deprecation (RFC 9745, 4).
            since = min(since, ends)
        headers = [("Deprecation", f"@{since}")]
        if ends is not None:
            headers.append(("Sunset", formatdate(ends, usegmt=True)))
        links = {"deprecation": self.help_uri, "successor-version": self._metadata_uri}
        headers += [("Link", f'<{uri}>; rel="{rel}"') for rel, uri in links.items() if uri is not None]
        return tuple(headers)


class KnownPeople:
    """Who had used a client before it was closed to new people.

    A person who is known stays known, so that answer is cached; the database decides every other one.
    """

    def __init__(self, is_known: Callable[[str, str, str, int], bool], directory: str) -> None:
        """Begin with an empty cache.

        Args:
            is_known: whether a client had a user at a time: takes the client's id, the directory, the user's
                stable id, and seconds since the epoch. Raises StoreUnavailable.
            directory: the name of the directory.
        """
        self._is_known = is_known
        self._directory = directory
        self._known: set[tuple[str, str, int]] = set()
        self._lock = Lock()

    def check(self, client: Client, person: Person) -> None:
        """Refuse a person who had not used the client before it was closed to new people.

        Args:
            client: as registered.
            person: whom the directory has proved.

        Raises:
            InvalidCredentials: `not_allowed`. A client cannot tell it from a wrong password.
            StoreUnavailable: the database cannot say.
        """
        closed_at = client.password_grant.closed_to_new_people_at
        if closed_at is None or (key := (client.client_id, person.id, closed_at)) in self._known:
            return
        if not self._is_known(client.client_id, self._directory, person.id, closed_at):
            refusal = InvalidCredentials(Refusal.NOT_ALLOWED, "the client is closed to new people")
            refusal.person_id = person.id
            raise refusal
        with self._lock:
            if len(self._known) >= _KNOWN_PEOPLE:
                self._known.clear()
            self._known.add(key)
