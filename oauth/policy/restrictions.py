"""Restrictions: people by group or affiliation, clients by the network that they call from.

Owns: the rules of the whole server and of each client. Must not know: how a refusal is answered. The answer
is that to a wrong password, so that it does not reveal that a guessed password was right.
"""

from collections.abc import Iterable, Sequence

from login import InvalidCredentials, Person, Refusal, is_within
from models import Client
from oauth.policy.membership import met, refused_by, want_groups

MEMBER_RESTRICTIONS = ("allow_members", "refuse_members")
"""The restrictions of a client that hold rules about people."""
DEFAULT_AUDIENCE = "default_audience"
"""The restriction of a client that lists the resources of a request that names none."""


class Restrictions:
    """The server's own rules about people, and those of each client. Both apply."""

    def __init__(self, *, allow_members: Sequence[str] = (), refuse_members: Sequence[str] = ()) -> None:
        """Take the rules of the server.

        Args:
            allow_members: if there are any, only people who meet one of them get a token.
            refuse_members: people who meet one of them get none.
        """
        self._allow = tuple(allow_members)
        self._refuse = tuple(refuse_members)
        self._want_groups = want_groups((*self._allow, *self._refuse))

    @property
    def of_server_want_groups(self) -> bool:
        """Whether a rule of the server needs the person's groups."""
        return self._want_groups

    def want_groups(self, client: Client) -> bool:
        """Whether a rule needs the person's groups: only then are groups searched for."""
        own = client.restrictions
        return self._want_groups or (
            bool(own) and want_groups((*own.get("allow_members", ()), *own.get("refuse_members", ())))
        )

    def check_network(self, client: Client, address: str) -> None:
        """Refuse a request from outside the client's networks, before the directory is asked.

        Args:
            client: as registered.
            address: the request's, in its canonical form. A text that is no address is in no network.

        Raises:
            InvalidCredentials: `not_from_here`.
        """
        if (networks := client.restrictions.get("networks")) and not is_within(address, networks):
            raise InvalidCredentials(Refusal.NOT_FROM_HERE, "from none of the client's networks")

    def check_person(self, client: Client, person: Person) -> None:
        """Refuse a person whom a rule of the server or of the client excludes.

        Args:
            client: as registered.
            person: with their groups, if `want_groups` is true.

        Raises:
            InvalidCredentials: `not_allowed`; its detail names the rule.
        """
        own = client.restrictions
        _check(
            person, (self._refuse, own.get("refuse_members", ())), (self._allow, own.get("allow_members", ()))
        )

    def check_of_server(self, person: Person) -> None:
        """Refuse a person whom a rule of the server excludes, before any client is known.

        Args:
            person: with their groups, if `of_server_want_groups` is true.

        Raises:
            InvalidCredentials: `not_allowed`; its detail names the rule.
        """
        _check(person, (self._refuse,), (self._allow,))


def _check(person: Person, refusing: Iterable[Sequence[str]], allowing: Iterable[Sequence[str]]) -> None:
    for refuse in refusing:
        if refuse and (why := refused_by(person, refuse)) is not None:
            raise _not_allowed(person, why)
    for allow in allowing:
        if allow and met(person, allow) is None:
            raise _not_allowed(person, "none of those who are allowed")


def _not_allowed(person: Person, why: str) -> InvalidCredentials:
    refusal = InvalidCredentials(Refusal.NOT_ALLOWED, why)
    refusal.person_id = person.id
    return refusal
