"""Why a policy refuses the password grant at a moment, without a request.

Owns: which reason comes first where several apply. Commands use it too, so it imports no library of the
server. Must not know: what a refused client is answered, and who sets a policy.
"""

from models import APP_PASSWORDS_OFF, APP_PASSWORDS_ONLY, ClosedReason, PasswordGrantPolicy

PASSWORD = "password"  # noqa: S105 - a grant type


def closed_reason(
    policy: PasswordGrantPolicy, server_ends_at: int | None, *, is_app_password: bool, now: int
) -> ClosedReason | None:
    """Why a login is refused; None if the policy lets it pass.

    Args:
        policy: the client's.
        server_ends_at: when Net ID passwords end for every client, in seconds since the epoch.
        is_app_password: whether an app password is sent, or a Net ID password.
        now: seconds since the epoch.
    """
    final = final_reason(policy, server_ends_at, is_app_password=is_app_password, now=now)
    if final is not None or is_app_password:
        return final
    if policy.app_passwords == APP_PASSWORDS_ONLY:
        return ClosedReason.APP_PASSWORDS_ONLY
    if any(start <= now < end for start, end in policy.brown_outs):
        return ClosedReason.BROWN_OUT
    return None


def final_reason(
    policy: PasswordGrantPolicy, server_ends_at: int | None, *, is_app_password: bool, now: int
) -> ClosedReason | None:
    """Why a login and a refresh of its tokens are both refused; None if they are not.

    Args:
        policy: the client's.
        server_ends_at: when Net ID passwords end for every client, in seconds since the epoch.
        is_app_password: whether the tokens began with an app password, or with a Net ID password.
        now: seconds since the epoch.
    """
    if policy.off_at is not None and policy.off_at <= now:
        return ClosedReason.OFF
    if is_app_password:
        return ClosedReason.APP_PASSWORDS_OFF if policy.app_passwords == APP_PASSWORDS_OFF else None
    given = (policy.ends_at, server_ends_at)
    return ClosedReason.ENDED if any(at is not None and at <= now for at in given) else None


def earliest_end(policy: PasswordGrantPolicy, server_ends_at: int | None) -> int | None:
    """When Net ID passwords end, in seconds since the epoch; None without a date.

    Args:
        policy: the client's.
        server_ends_at: when they end for every client.
    """
    given = (policy.ends_at, server_ends_at, policy.off_at)
    return min((at for at in given if at is not None), default=None)
