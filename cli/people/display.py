"""How a person's report is printed."""

from collections.abc import Sequence
from dataclasses import asdict

from admin.people import PersonLookup, PersonReport, RefusedLogins
from cli.output import moment, print_line, print_record, print_table
from login import SIGN_IN_PAGE, Block, Cause, Refusal

_LOCKOUT_ENDS = "the directory has forgotten failures, or a login elsewhere"
_ANSWERS = {
    "may log in": "The user may log in.",
    Refusal.WRONG_PASSWORD: "The password was wrong.",
    Refusal.UNKNOWN_PERSON: "No user has this Net ID or sub.",
    Refusal.AMBIGUOUS: "Several users have this Net ID.",
    Refusal.LOCKED: "The account is locked after too many failures.",
    Refusal.EXPIRED: "The password or the account has expired.",
    Refusal.MUST_CHANGE: "The user must change the password first.",
    Refusal.DISABLED: "The account is disabled.",
    Refusal.NOT_NOW: "The account may not log in at this time.",
    Refusal.NOT_HERE: "The account may not log in from this server.",
    Refusal.UNACCEPTABLE: "The name or the password is empty, too long or no text.",
    Refusal.REFUSED: "The directory refused the login and gave no reason.",
    Refusal.NOT_ALLOWED: "The rules of this server or of the program exclude the user.",
    Refusal.NOT_FROM_HERE: "The program may not send logins from this network.",
    Refusal.APP_PASSWORD_ENDED: "The app password has ended.",
    "pending": "The login is under way, or its outcome was lost.",
}
_CAUSES = {
    Cause.PERSON_AND_CLIENT: "too many failures of the user with this program",
    Cause.PERSON: "too many different wrong passwords for the user",
    Cause.CLIENT: "too many failures with this program",
    Cause.ADDRESS: "too many failures from this network",
    Cause.SERVER: "too many failures at this server",
    Cause.SHIELD: "a further failure could lock the account in the directory",
}


def in_words(answer: str) -> str:
    """A reason of a refused login, or another answer of the directory, as a sentence.

    Args:
        answer: the reason as it is stored; a sentence stays as it is.
    """
    return _ANSWERS.get(answer, answer)


def warn_if_incomplete(lookup: PersonLookup) -> PersonLookup:
    """Tell the operator if users who asked for privacy could not be found by their Net ID."""
    if not lookup.directory_answered:
        print_line(
            "The directory does not answer: users who asked for privacy are found by their sub alone.",
            err=True,
        )
    return lookup


def print_report(report: PersonReport) -> None:
    """Print a report for people: facts, blocks, refused logins, live grants and app passwords."""
    print_record(_facts(report))
    for block in report.blocks:
        end = _LOCKOUT_ENDS if block.until is None else moment(block.until)
        cause = _CAUSES.get(block.cause, block.cause.value)
        print_line(f"BLOCKED {_blocked_users(report, block)} until {end}: {cause} ({block.cause.value})")
    for block in report.app_password_blocks:
        print_line(
            f"Wrong app passwords {_blocked_users(report, block)} are answered 429 until "
            f"{moment(block.until)}; right ones are accepted."
        )
    _print_failures(report, "Refused in the last day:", report.failures)
    _print_failures(report, "App passwords refused in the last day:", report.refused_app_passwords)
    _print_what_acts(report)


def _print_failures(report: PersonReport, title: str, failures: Sequence[RefusedLogins]) -> None:
    if not failures:
        return
    print_line("")
    print_line(title)
    rows = [
        (
            _client_name(report, each.client_id),
            each.address,
            in_words(each.reason),
            str(each.times),
            str(each.repeated),
            moment(each.first_at),
            moment(each.last_at),
        )
        for each in failures
    ]
    print_table(("CLIENT", "ADDRESS", "REASON", "TIMES", "SAME PASSWORD", "FIRST", "LAST"), rows)


def report_as_object(report: PersonReport) -> dict[str, object]:
    """A report for programs."""
    state = report.state
    return {
        "sub": report.subject,
        "directory": report.directory,
        "net_id": state.person.net_id if state else None,
        "name": state.person.name if state else None,
        "refusal": state.refusal.value if state and state.refusal else None,
        "detail": report.detail or None,
        "last_refusal": _last_refusal(report),
        "directory_failures": state.lockout_status.failures if state else None,
        "directory_limit": state.lockout_status.limit if state else None,
        "password_changed_at": state.person.password_changed_at if state else None,
        "password_expires_at": state.person.password_expires_at if state else None,
        "blocked": [asdict(block) for block in report.blocks],
        "failures": _failures(report, report.failures),
        "app_passwords_blocked": [asdict(block) for block in report.app_password_blocks],
        "refused_app_passwords": _failures(report, report.refused_app_passwords),
        "grants": [
            {"grant_id": each.id.hex(), "client_id": each.client_id, "since": each.auth_time}
            for each in report.grants
        ],
        "app_passwords": [
            {
                "app_password_id": each.id.hex(),
                "client_id": each.client_id,
                "last_used": each.last_used_at,
                "ends": each.expires_at,
            }
            for each in report.app_passwords
        ],
        "sessions": report.sessions,
    }


def _failures(report: PersonReport, failures: Sequence[RefusedLogins]) -> list[dict[str, object]]:
    return [{**asdict(each), "client_name": report.client_names.get(each.client_id)} for each in failures]


def _print_what_acts(report: PersonReport) -> None:
    """Print what acts for the user now: live grants, app passwords and sessions."""
    if report.grants:
        print_line("")
        print_line("Live grants:")
        grants = [
            (each.id.hex(), each.client_name or each.client_id, each.scope, moment(each.auth_time))
            for each in report.grants
        ]
        print_table(("GRANT", "CLIENT", "SCOPE", "SINCE"), grants)
    if report.app_passwords:
        print_line("")
        print_line("App passwords:")
        app_passwords = [
            (
                each.id.hex(),
                _client_name(report, each.client_id),
                each.label,
                moment(each.last_used_at) or "never",
                moment(each.expires_at),
            )
            for each in report.app_passwords
        ]
        print_table(("APP PASSWORD", "CLIENT", "LABEL", "LAST USED", "ENDS"), app_passwords)
    if report.sessions:
        print_line("")
        print_line(f"Live sign-in sessions: {report.sessions}.")


def _facts(report: PersonReport) -> dict[str, object]:
    facts: dict[str, object] = {
        "sub": report.subject,
        "directory": _verdict(report),
        "detail": report.detail,
    }
    if report.state is not None:
        person, lockout_status = report.state.person, report.state.lockout_status
        facts |= {
            "net_id": person.net_id,
            "name": person.name,
            "failures in the directory": lockout_status.failures,
            "failures that lock": lockout_status.limit or None,
            "password changed": moment(person.password_changed_at),
            "password expires": moment(person.password_expires_at),
            "grace logins": person.grace_logins_remaining,
        }
    return facts


def _verdict(report: PersonReport) -> str:
    """The directory's view as sentences."""
    sentence = in_words(report.directory)
    if report.last_refusal is None:
        return sentence
    return (
        f"{sentence} The directory said so at {moment(report.last_refusal.at)}; the entry does not show it."
    )


def _last_refusal(report: PersonReport) -> dict[str, object] | None:
    refusal = report.last_refusal
    if refusal is None:
        return None
    return {"reason": refusal.reason, "client_id": refusal.client_id, "at": refusal.at}


def _blocked_users(report: PersonReport, block: Block) -> str:
    """Whose logins a block refuses, in words."""
    if block.cause in {Cause.CLIENT, Cause.ADDRESS, Cause.SERVER}:
        if block.client_id is not None:
            return f"everybody with client {_client_name(report, block.client_id)}"
        return "everybody" if block.address is None else f"everybody from {block.address}"
    if block.client_id is None:
        return "with any client"
    return f"with client {_client_name(report, block.client_id)}"


def _client_name(report: PersonReport, client_id: str) -> str:
    """A client's name, or its id if it was deleted. A sign-in on a page of this server has no client."""
    if client_id == SIGN_IN_PAGE:
        return "(sign-in page)"
    return report.client_names.get(client_id, client_id)
