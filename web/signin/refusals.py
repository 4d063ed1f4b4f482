"""Log line and audit row of a sign-in that failed, or of an outage. Neither holds what the user typed."""

from login import Cause, DirectoryUnavailable, InvalidCredentials, Throttled
from oauth.audit import SIGN_IN_REFUSED
from oauth.token_request import Parameters
from web.signin.desk import SignInDesk, current_facts


def note_refusal(
    desk: SignInDesk, trouble: InvalidCredentials | Throttled | DirectoryUnavailable, typed: str
) -> None:
    """Note why a sign-in failed. Of a name without an account the audit keeps a keyed digest only.

    Args:
        desk: the parts.
        trouble: as it was raised.
        typed: the login name as typed.
    """
    facts, log = current_facts(), desk.audit.log
    # The audit reads the name from the form, as with the password grant.
    facts.take(Parameters({"username": typed}, {}, b""))
    noted = desk.audit.note(facts, trouble, refused=SIGN_IN_REFUSED)
    fields = facts.facts() | {"duration_ms": noted.duration_ms}
    if isinstance(trouble, InvalidCredentials):
        details = {"reason": noted.reason, "subject": noted.subject, "detail": trouble.detail}
        log.warning(noted.event, **details, name_digest=noted.name_digest, **fields)
    elif isinstance(trouble, Throttled):
        sampled_by = fields["address"] if trouble.cause is Cause.ADDRESS else None
        times = desk.throttlings.due((trouble.cause, sampled_by))
        if times is not None:
            log.warning(noted.event, reason=noted.reason, times=times, **fields)
    else:
        write = log.error if trouble.alarm else log.warning
        write("directory.unavailable", cause=trouble.cause, alarm=trouble.alarm, **fields)


def note_outage(desk: SignInDesk, trouble: DirectoryUnavailable) -> None:
    """Note that the directory could not say whether a user may still sign in.

    Args:
        desk: the parts.
        trouble: as it was raised.
    """
    facts = current_facts()
    desk.audit.note(facts, trouble)
    write = desk.audit.log.error if trouble.alarm else desk.audit.log.warning
    write("directory.unavailable", cause=trouble.cause, alarm=trouble.alarm, **facts.facts())
