"""Which members of an exported client are understood, under which names, and which are ignored.

Owns: that no member is ignored that could restrict a client. A client with a member that is not named here is
refused. Must not know: which values the understood members may have.
"""

from collections.abc import Collection, Mapping

from models import PasswordGrantPolicy
from oauth.clients.registration import FLAGS, policy_metadata
from oauth.clients.restriction_rules import RESTRICTIONS
from oauth.policy.claims import PAIRWISE_SUBJECT

TEXTS = (
    "client_name",
    "default_scope",
    "token_endpoint_auth_method",
    "owner",
    "access_token_format",
    "backchannel_logout_uri",
)
LISTS = ("grant_types", "redirect_uris", "post_logout_redirect_uris", "audiences", "released_claims")
_OTHERS = (
    "client_id",
    "client_secret",
    "client_secret_expires_at",
    "client_secret_hash",
    "disabled_at",
    "flags",
    "password_grant",
    "resource_server",
    "restrictions",
    "scope",
    "secrets",
)
# Other servers' names for members of ours.
_FOREIGN = ("allowed_ips", "subject_type", "status", "active", "enabled", "disabled")
_UNDERSTOOD = frozenset((*TEXTS, *LISTS, *RESTRICTIONS, *FLAGS, *_OTHERS, *_FOREIGN))
# Members that describe a client to people, or concern only the other server (RFC 7591, 2; RFC 7592, 3).
_PASSED_OVER = frozenset(
    {
        "application_type",
        "backchannel_logout_session_required",
        "client_id_issued_at",
        "client_uri",
        "contacts",
        "created_at",
        "last_used_at",
        "logo_uri",
        "policy_uri",
        "registration_access_token",
        "registration_client_uri",
        "response_types",
        "software_id",
        "software_version",
        "tos_uri",
        "updated_at",
    }
)
_OPEN = policy_metadata(PasswordGrantPolicy())
_ENABLED = frozenset({"active", "enabled"})


def translate(each: Mapping[str, object], ignored: Collection[str] = ()) -> dict[str, object]:
    """An exported client under our names. Members that are null are left out.

    Args:
        each: the client as another server, or this one, listed it.
        ignored: members that the operator chose to ignore.

    Raises:
        ValueError: a member is not understood, two members contradict each other, or the client is disabled.
            The message is a sentence.
    """
    given = {name: value for name, value in each.items() if value is not None and name not in ignored}
    if unknown := sorted(name for name in given if not _is_known(name)):
        raise ValueError(
            f"Not understood: {', '.join(map(repr, unknown))}. Such a member may limit the client: "
            "rename it, or leave it out (--ignore)."
        )
    _refuse_disabled(given)
    # A policy has steps and announcements of this server, which an import could not have.
    if given.pop("password_grant", _OPEN) != _OPEN:
        raise ValueError(
            "Its policy of the password grant is not imported: leave it out (--ignore password_grant), and "
            "set it by flask password-grant set."
        )
    ours = {name: value for name, value in given.items() if name in _UNDERSTOOD and name not in _FOREIGN}
    if "allowed_ips" in given:
        ours["networks"] = _agreed(given, "allowed_ips", "networks")
    for together in ("flags", "restrictions"):
        inside = ours.get(together)
        for name, value in inside.items() if isinstance(inside, dict) else ():
            if name in ours and ours[name] != value:
                raise ValueError(f"The {name} and that in {together} contradict each other.")
    return ours | _subject_type(given)


def _is_known(name: str) -> bool:
    # Members for people may come in several languages (RFC 7591, 2.2).
    return name in _UNDERSTOOD or name.partition("#")[0] in _PASSED_OVER | {"client_name"}


def _refuse_disabled(given: Mapping[str, object]) -> None:
    status = given.get("status", "active")
    if not isinstance(status, str):
        raise ValueError("The status must be text.")  # noqa: TRY004 - a sentence of the list
    for name in ("active", "enabled", "disabled"):
        if not isinstance(given.get(name, False), bool):
            raise ValueError(f"The {name} must be true or false.")  # noqa: TRY004 - as above
    if (
        status.lower() not in _ENABLED
        or given.get("active", True) is False
        or given.get("enabled", True) is False
        or given.get("disabled", False)
        or given.get("disabled_at")
    ):
        raise ValueError("A disabled client cannot be imported, since it would be enabled.")


def _subject_type(given: Mapping[str, object]) -> dict[str, object]:
    """The flag that stands for `subject_type` (OpenID Connect Core 1.0, 8)."""
    if "subject_type" not in given:
        return {}
    kind, flags = given["subject_type"], given.get("flags")
    if not isinstance(kind, str) or kind not in {"public", "pairwise"}:
        raise ValueError("The subject_type must be public or pairwise.")
    flag = given.get(PAIRWISE_SUBJECT, flags.get(PAIRWISE_SUBJECT) if isinstance(flags, dict) else None)
    if flag is not None and flag is not (kind == "pairwise"):
        raise ValueError(f"The subject_type and the {PAIRWISE_SUBJECT} contradict each other.")
    return {PAIRWISE_SUBJECT: kind == "pairwise"}


def _agreed(given: Mapping[str, object], name: str, ours: str) -> object:
    """The value of a member. If our member of the same meaning is given too, the values must be equal."""
    if ours in given and given[ours] != given[name]:
        raise ValueError(f"The {name} and the {ours} contradict each other.")
    return given[name]
