"""Reasons of refused binds: the control, Active Directory's sub-codes, and texts of 389-ds."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from directory import Directory, DirectoryUnavailable, InvalidCredentials, Refusal
from directory.ldap.protocol.password_policy import CONTROL
from directory.ldap.protocol.server_text import WITHHELD
from tests.conftest import NOON
from tests.directory.scripted import BIND, SEARCH, Scripted, friendly, result, tlv

MUST_CHANGE, LOCKED, EXPIRED, TOO_SHORT = "3003810102", "3003810101", "3003810100", "3003810106"
UNKNOWN = "3003810109"
IDENTIFIED: dict[str, dict[str, str]] = {
    "openldap": {},
    "389ds": {"id_attribute": "entryUUID"},
    "freeipa": {"id_attribute": "entryUUID"},
    "active-directory": {"id_attribute": "entryUUID", "net_id_attribute": "uid"},
}

SUB_CODE_TEXT = "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {}, v1db1"


@pytest.fixture
def server() -> Iterator[Scripted]:
    """A server that accepts everything until a test changes its script."""
    with Scripted() as scripted:
        yield scripted


@pytest.fixture
def log_in(server: Scripted, opened: Callable[..., Directory]) -> Callable[..., Any]:
    """Log in as alice on a server whose answer to her bind has this code, text and control."""

    def log_in(code: int, text: str = "", control: str | None = None, **settings: Any) -> Any:
        server.script = script_with_bind_answer(code, text, control)
        profile = settings.pop("profile", "openldap")
        directory = opened(
            uris=(server.uri,),
            start_tls=False,
            user_base="dc=x",
            profile=profile,
            clock=lambda: float(NOON),
            **IDENTIFIED[profile],
            **settings,
        )
        return directory.find("alice").verify("x")

    return log_in


def script_with_bind_answer(
    code: int, text: str, control: str | None
) -> Callable[[int, int, bytes], bytes | None]:
    """Make a script that answers a bind with this result, and accepts everything else."""

    def script(asked: int, message_id: int, request: bytes) -> bytes | None:
        if asked != BIND:
            return friendly(asked, message_id, request)
        done = tlv(0x61, tlv(0x0A, bytes([code])), tlv(0x04), tlv(0x04, text.encode()))
        controls = b""
        if control is not None:
            value = tlv(0x04, bytes.fromhex(control))
            controls = tlv(0xA0, tlv(0x30, tlv(0x04, CONTROL.encode()), value))
        return tlv(0x30, tlv(0x02, message_id.to_bytes(4, "big")), done, controls)

    return script


def reason(log_in: Callable[..., Any], *answer: Any, **settings: Any) -> tuple[Refusal, str]:
    """Log in, which must be refused. Returns the reason and the text for the log."""
    with pytest.raises(InvalidCredentials) as caught:
        log_in(*answer, **settings)
    return caught.value.reason, caught.value.detail


def test_bind_of_a_user_requests_the_control(server: Scripted, log_in: Callable[..., Any]) -> None:
    """A user's bind has the request control, not critical, so that any server may ignore it."""
    log_in(0, bind_dn="cn=svc", bind_password="svc-password")
    asked = tlv(0x30, tlv(0x04, CONTROL.encode()))
    explicitly = tlv(0x30, tlv(0x04, CONTROL.encode()), tlv(0x01, b"\0"))
    assert server.received.count(asked) + server.received.count(explicitly) == 1
    assert server.received.count(CONTROL.encode()) == 1


@pytest.mark.parametrize(
    ("control", "refusal"),
    [
        (LOCKED, Refusal.LOCKED),
        (EXPIRED, Refusal.EXPIRED),
        (MUST_CHANGE, Refusal.MUST_CHANGE),
        (TOO_SHORT, Refusal.WRONG_PASSWORD),
        (UNKNOWN, Refusal.WRONG_PASSWORD),
        ("30", Refusal.WRONG_PASSWORD),
        (None, Refusal.WRONG_PASSWORD),
    ],
)
def test_the_control_gives_the_reason(
    log_in: Callable[..., Any], control: str | None, refusal: Refusal
) -> None:
    """With result 49 the control gives the reason; without a reason the password was wrong."""
    assert reason(log_in, 49, "invalid DN", control) == (refusal, "invalid DN")


@pytest.mark.parametrize(
    ("answer", "profile", "is_proved"),
    [
        ((0, "", MUST_CHANGE), "openldap", True),
        ((49, "", EXPIRED), "openldap", True),
        ((49, "", MUST_CHANGE), "openldap", True),
        ((49, "", LOCKED), "openldap", False),
        ((49, "", None), "openldap", False),
        ((49, "password expired!", None), "389ds", True),
        ((53, "Account (Kerberos principal) is expired", None), "freeipa", False),
        *(((49, SUB_CODE_TEXT.format(data), None), "active-directory", True) for data in ("532", "773")),
        *(
            ((49, SUB_CODE_TEXT.format(data), None), "active-directory", False)
            for data in ("525", "52e", "530", "531", "533", "701", "775", "569")
        ),
    ],
)
def test_only_a_verified_password_can_need_a_successor(
    log_in: Callable[..., Any],
    answer: tuple[int, str, str | None],
    profile: str,
    is_proved: bool,  # noqa: FBT001
) -> None:
    """A page may say that a password has expired only where the server has verified it."""
    with pytest.raises(InvalidCredentials) as caught:
        log_in(*answer, profile=profile)
    assert caught.value.needs_new_password is is_proved


def test_success_with_must_change_is_refused(log_in: Callable[..., Any]) -> None:
    """An accepted bind that demands a new password is refused, unless the setting allows it."""
    assert reason(log_in, 0, "", MUST_CHANGE)[0] is Refusal.MUST_CHANGE
    assert log_in(0, "", MUST_CHANGE, allow_must_change=True).net_id == "alice"


def test_expiry_and_grace_logins_are_reported(log_in: Callable[..., Any]) -> None:
    """The person has the expiry time or the grace logins that the control reports."""
    person = log_in(0, "", "3006a00480020e10")
    assert (person.password_expires_at, person.grace_logins_remaining) == (NOON + 3600, None)
    person = log_in(0, "", "3005a003810100")
    assert (person.password_expires_at, person.grace_logins_remaining) == (None, 0)
    person = log_in(0)
    assert (person.password_expires_at, person.grace_logins_remaining) == (None, None)


@pytest.mark.parametrize("control", [UNKNOWN, "", "30", "ffff"])
def test_success_with_an_unreadable_control_is_an_outage(log_in: Callable[..., Any], control: str) -> None:
    """The control may have demanded a change of password."""
    with pytest.raises(DirectoryUnavailable, match="control that cannot be read") as caught:
        log_in(0, "", control)
    assert caught.value.alarm


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        ("525", Refusal.UNKNOWN_PERSON),
        ("52e", Refusal.WRONG_PASSWORD),
        ("52E", Refusal.WRONG_PASSWORD),
        ("530", Refusal.NOT_NOW),
        ("531", Refusal.NOT_HERE),
        ("532", Refusal.EXPIRED),
        ("533", Refusal.DISABLED),
        ("701", Refusal.EXPIRED),
        ("773", Refusal.MUST_CHANGE),
        ("775", Refusal.LOCKED),
        ("569", Refusal.REFUSED),
        ("52", Refusal.REFUSED),
    ],
)
def test_sub_code_of_active_directory_is_the_reason(
    log_in: Callable[..., Any], data: str, refusal: Refusal
) -> None:
    """Each sub-code is a reason. An unknown sub-code does not prove a wrong password."""
    text = f"80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data {data}, v1db1"
    found, detail = reason(log_in, 49, text, profile="active-directory", allow_must_change=True)
    assert found is refusal
    assert text in detail


@pytest.mark.parametrize(
    ("code", "text", "refusal"),
    [
        (19, "Exceed password retry limit. Please try later.", Refusal.LOCKED),
        (19, "Exceed password retry limit. Contact system administrator to reset.", Refusal.LOCKED),
        (19, "Account inactivity limit exceeded. Contact system administrator to reset.", Refusal.DISABLED),
        (49, "password expired!", Refusal.EXPIRED),
        (49, "Invalid credentials", Refusal.WRONG_PASSWORD),
        (53, "Account inactivated. Contact system administrator.", Refusal.DISABLED),
        (53, "Too many failed logins.\n", Refusal.LOCKED),
        (53, "Entry permanently locked.\n", Refusal.LOCKED),
        (53, "Account (Kerberos principal) is expired", Refusal.EXPIRED),
        (50, "", Refusal.REFUSED),
        (32, "", Refusal.REFUSED),
        (34, "invalid DN", Refusal.REFUSED),
        (48, "", Refusal.REFUSED),
    ],
)
@pytest.mark.parametrize("profile", ["389ds", "freeipa"])
def test_code_and_text_of_389ds_and_freeipa_are_the_reason(
    log_in: Callable[..., Any], profile: str, code: int, text: str, refusal: Refusal
) -> None:
    """On these servers 53 concerns the user, and only 49 can be a wrong password."""
    assert reason(log_in, code, text, profile=profile) == (refusal, text)


@pytest.mark.parametrize(
    ("code", "text", "refusal"),
    [
        (53, "anything else", Refusal.REFUSED),
        (19, "Exceed password retry limit: uid=alice,dc=x", Refusal.LOCKED),
        (
            32,
            "0000208D: NameErr: DSID-03100288, problem 2001 (NO_OBJECT), data 0, best match of: 'uid=alice'",
            Refusal.REFUSED,
        ),
        (
            49,
            "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, alice",
            Refusal.WRONG_PASSWORD,
        ),
    ],
)
def test_unknown_text_is_not_logged(
    log_in: Callable[..., Any], code: int, text: str, refusal: Refusal
) -> None:
    """An unknown text may quote the login name. The reason is still known."""
    found, detail = reason(log_in, code, text, profile="389ds")
    assert found is refusal
    assert WITHHELD in detail
    assert "alice" not in detail


@pytest.mark.parametrize("profile", ["openldap", "active-directory"])
def test_unwilling_server_of_another_kind_is_an_outage(log_in: Callable[..., Any], profile: str) -> None:
    """If 53 concerns the server it is no refusal, and the cause names the setting that may be wrong."""
    with pytest.raises(DirectoryUnavailable, match="NETID_LDAP_PROFILE"):
        log_in(53, "Account inactivated. Contact system administrator.", profile=profile)


@pytest.mark.parametrize("profile", list(IDENTIFIED))
@pytest.mark.parametrize(("code", "alarm"), [(8, True), (13, True), (10, True), (51, False), (52, False)])
def test_server_fault_is_never_a_refusal(
    log_in: Callable[..., Any], profile: str, code: int, *, alarm: bool
) -> None:
    """Transport faults, referrals and a busy server are no refusal, whatever the control says."""
    with pytest.raises(DirectoryUnavailable) as caught:
        log_in(code, "text", LOCKED, profile=profile)
    assert caught.value.alarm is alarm


def test_must_change_is_the_reason_if_the_entry_is_unreadable_before_it(
    server: Scripted, opened: Callable[..., Directory]
) -> None:
    """The user's own connection may read nothing before the change, so that is the reason."""
    bound = script_with_bind_answer(0, "", MUST_CHANGE)
    server.script = lambda asked, message_id, request: (
        result(SEARCH, message_id, 50) if asked == SEARCH else bound(asked, message_id, request)
    )
    directory = opened(
        uris=(server.uri,),
        start_tls=False,
        user_dn_template="uid={username},dc=x",
        allow_must_change=True,
    )
    with pytest.raises(InvalidCredentials) as caught:
        directory.find("alice").verify("x")
    assert caught.value.reason is Refusal.MUST_CHANGE
