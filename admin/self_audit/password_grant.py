"""Checks of the password grant: which clients have it, until when, and who may use it."""

from collections.abc import Iterator, Sequence

from admin.self_audit.finding import Check, Trouble, Weight, command, of_client, of_setting
from admin.self_audit.snapshot import DAY, Snapshot
from models import APP_PASSWORDS_ONLY, Client, ClosedReason
from oauth.clients.sign_in_rules import AUTHORIZATION_CODE
from oauth.policy.closed_reason import PASSWORD, earliest_end, final_reason

FAR_DAYS = 2 * 365
"""Days after which an end of the grant is too far away for anybody to prepare for."""
_SET = "password-grant set"
_FORBIDDEN = ("RFC 9700, 2.4", "ASVS 10.4.4")


def _public(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client without a secret may use the password grant, so anybody can try passwords in its name."""
    for client in _net_id(snapshot):
        if client.is_public:
            yield of_client(
                client,
                "It has no secret: anybody can try passwords with the password grant in its name.",
                command(_SET, client, "--app-passwords only"),
            )


def _without_end(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client may send Net ID passwords, and no date ends it."""
    for client in _net_id(snapshot):
        if _end(client, snapshot) is None:
            yield of_client(
                client,
                "It may send Net ID passwords, and no date ends it.",
                command(_SET, client, "--ends DATE"),
            )


def _far_end(snapshot: Snapshot) -> Iterator[Trouble]:
    """The end of a client's password grant is more than two years away."""
    for client in _net_id(snapshot):
        end = _end(client, snapshot)
        if end is not None and end - snapshot.now > FAR_DAYS * DAY:
            sentence = f"Its password grant ends in {(end - snapshot.now) // DAY} days only."
            yield of_client(client, sentence, command(_SET, client, "--ends DATE"))


def _ended(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client keeps the password grant in its registration after the end of it."""
    for client in _with_grant(snapshot):
        if all(_final_reason(client, snapshot, is_app_password=each) for each in (False, True)):
            others = [each for each in client.grant_types if each != PASSWORD]
            grants = " ".join(f"--grant {each}" for each in others) or '--grant ""'
            yield of_client(
                client,
                "Its password grant has ended, but is registered still: an undone step would open it again.",
                command("client update", client, grants),
            )


def _beside_code(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client has the password grant beside the authorization code grant, which replaces it."""
    for client in _net_id(snapshot):
        if AUTHORIZATION_CODE in client.grant_types and _end(client, snapshot) is None:
            yield of_client(
                client,
                "It has the authorization code grant, which replaces the password grant, and has both.",
                command(_SET, client, "--ends DATE"),
            )


def _past_brown_outs(snapshot: Snapshot) -> Iterator[Trouble]:
    """Each brown-out of a client is over, and no end follows: nobody acts on what they showed."""
    for client in _net_id(snapshot):
        brown_outs = client.password_grant.brown_outs
        is_over = bool(brown_outs) and all(end <= snapshot.now for _, end in brown_outs)
        if is_over and _end(client, snapshot) is None:
            yield of_client(
                client,
                "Its brown-outs are over, and no end has a date.",
                command(_SET, client, "--ends DATE"),
            )


def _open_to_new_people(snapshot: Snapshot) -> Iterator[Trouble]:
    """People who never used a client may begin to, though its password grant will end."""
    for client in _net_id(snapshot):
        is_closed = client.password_grant.closed_to_new_people_at is not None
        if _end(client, snapshot) is not None and not is_closed:
            yield of_client(
                client,
                "People who never used it may begin to, though its password grant will end.",
                command(_SET, client, "--closed-to-new-people"),
            )


def _impossible(snapshot: Snapshot) -> Iterator[Trouble]:
    """A client takes app passwords only, and the server must refuse them: nobody can log in."""
    if snapshot.settings.ldap.sees_people:
        return
    for client in _with_grant(snapshot):
        is_closed = _final_reason(client, snapshot, is_app_password=True) is not None
        if client.password_grant.app_passwords == APP_PASSWORDS_ONLY and not is_closed:
            yield of_client(
                client,
                "It takes app passwords only, but they are refused without NETID_LDAP_BIND_DN.",
                "NETID_LDAP_BIND_DN=cn=netid-oauth,ou=services,dc=example,dc=edu",
            )


def _no_help(snapshot: Snapshot) -> Iterator[Trouble]:
    """The password grant ends, and no page tells the owners of programs about it."""
    ends = any(_end(client, snapshot) is not None for client in _net_id(snapshot))
    if ends and snapshot.settings.password_grant_help_uri is None:
        yield of_setting(
            "password_grant_help_uri",
            "{setting} is not set: refusals and headers lead the owners of programs nowhere.",
            "https://www.example.edu/password-grant",
        )


def _administrators(snapshot: Snapshot) -> Iterator[Trouble]:
    """Administrators and users with a second factor may log in by password alone."""
    settings = snapshot.settings
    if _net_id(snapshot) and not settings.refuse_members and not settings.allow_members:
        yield of_setting(
            "refuse_members",
            "{setting} is empty: administrators and users with a second factor log in by password alone.",
            "group:cn=admins,ou=groups,dc=example,dc=edu",
        )


def _with_grant(snapshot: Snapshot) -> Sequence[Client]:
    """The clients that are registered for the password grant."""
    return [each for each in snapshot.enabled if PASSWORD in each.grant_types]


def _net_id(snapshot: Snapshot) -> Sequence[Client]:
    """The clients that may send Net ID passwords now, but for a brown-out."""
    return [
        each
        for each in _with_grant(snapshot)
        if each.password_grant.app_passwords != APP_PASSWORDS_ONLY
        and _final_reason(each, snapshot, is_app_password=False) is None
    ]


def _final_reason(client: Client, snapshot: Snapshot, *, is_app_password: bool) -> ClosedReason | None:
    ends = snapshot.settings.password_grant_ends
    return final_reason(client.password_grant, ends, is_app_password=is_app_password, now=snapshot.now)


def _end(client: Client, snapshot: Snapshot) -> int | None:
    return earliest_end(client.password_grant, snapshot.settings.password_grant_ends)


CHECKS = (
    Check(
        "password-grant-public",
        Weight.HIGH,
        _public,
        ("RFC 9700, 2.4", "RFC 9700, 2.5", "ASVS 10.4.4", "ASVS 10.4.10"),
    ),
    Check("password-grant-without-end", Weight.MEDIUM, _without_end, _FORBIDDEN),
    Check("password-grant-end-far", Weight.LOW, _far_end, _FORBIDDEN),
    Check("password-grant-still-registered", Weight.NOTE, _ended, ("ASVS 10.4.4",)),
    Check("password-grant-beside-code", Weight.LOW, _beside_code, _FORBIDDEN),
    Check("brown-outs-over", Weight.LOW, _past_brown_outs, _FORBIDDEN),
    Check("password-grant-open-to-new-people", Weight.NOTE, _open_to_new_people, _FORBIDDEN),
    Check("app-passwords-impossible", Weight.MEDIUM, _impossible),
    Check("password-grant-help-absent", Weight.LOW, _no_help, ("RFC 9700, 2.4",)),
    Check("administrators-by-password", Weight.LOW, _administrators, ("RFC 9700, 2.4",)),
)
"""The checks of this subject, in the order of their findings."""
