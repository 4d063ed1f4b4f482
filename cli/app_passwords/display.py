"""How app passwords and notices about them are printed. The value of one is printed once, when it is made."""

import time
from collections.abc import Mapping, Sequence

from admin.app_passwords.notices import Notice
from cli.output import moment, print_line, print_lines, print_table
from models import AppPassword

SHAPE = (
    '{"app_password_id": text, "client_id": text, "client_name": text or null, "net_id": text or null, '
    '"sub": text, "label": text, "scope": text, "networks": [...], "made": time, "made_by": text or null, '
    '"last_used": time or null, "ends": time'
)
"""The beginning of an app password as JSON."""
NOTICE_SHAPE = (
    '{"app_password_id": text, "sub": text, "to": text or null, "subject": text, "text": text, "ends": time}'
)
"""A notice as JSON."""


def app_password_as_object(stored: AppPassword, client_name: str | None) -> dict[str, object]:
    """An app password for programs, without its value.

    Args:
        stored: the app password.
        client_name: the name of its client; None if the client was deleted.
    """
    return {
        "app_password_id": stored.id.hex(),
        "client_id": stored.client_id,
        "client_name": client_name,
        "net_id": stored.net_id,
        "sub": stored.subject,
        "label": stored.label,
        "scope": stored.scope,
        "networks": list(stored.networks),
        "made": stored.created_at,
        "made_by": stored.created_by,
        "last_used": stored.last_used_at,
        "ends": stored.expires_at,
    }


def app_password_facts(stored: AppPassword, client_name: str | None) -> dict[str, object]:
    """An app password for people, without its value.

    Args:
        stored: the app password.
        client_name: the name of its client; None if the client was deleted.
    """
    return {
        "app_password_id": stored.id.hex(),
        "client": f"{client_name} ({stored.client_id})" if client_name else stored.client_id,
        "net_id": stored.net_id,
        "sub": stored.subject,
        "label": stored.label,
        "scope": stored.scope,
        "networks": " ".join(stored.networks) or "everywhere",
        "ends": moment(stored.expires_at),
    }


def print_app_passwords(app_passwords: Sequence[AppPassword], client_names: Mapping[str, str]) -> None:
    """Print a table of app passwords.

    Args:
        app_passwords: the app passwords.
        client_names: names of clients by their ids.
    """
    print_table(
        (
            "APP PASSWORD",
            "CLIENT",
            "NET ID",
            "SUB",
            "LABEL",
            "SCOPE",
            "NETWORKS",
            "MADE",
            "LAST USED",
            "ENDS",
        ),
        [
            (
                each.id.hex(),
                client_names.get(each.client_id, each.client_id),
                each.net_id or "",
                each.subject,
                each.label,
                each.scope,
                " ".join(each.networks) or "everywhere",
                moment(each.created_at),
                moment(each.last_used_at) or "never",
                moment(each.expires_at),
            )
            for each in app_passwords
        ],
    )


def print_notice(notice: Notice, at: int) -> None:
    """Print a notice as a message of an mbox, which `formail -s sendmail -t` sends (RFC 4155, appendix A).

    Without an address it is a line on standard error.

    Args:
        notice: the notice.
        at: seconds since the epoch.
    """
    from cli.password_grant.mail import message_text

    if notice.to is None:
        stored = notice.stored
        print_line(
            f"The directory has no mail address of {stored.subject}: the app password {stored.id.hex()} ends "
            f"on {moment(notice.ends_at)}.",
            err=True,
        )
        return
    print_line(f"From netid-oauth {time.asctime(time.gmtime(at))}")
    print_lines(message_text(notice.to, notice.subject, notice.text, in_mbox=True))
    print_line("")


def notice_as_object(notice: Notice) -> dict[str, object]:
    """A notice for a program that sends it.

    Args:
        notice: the notice.
    """
    return {
        "app_password_id": notice.stored.id.hex(),
        "sub": notice.stored.subject,
        "to": notice.to,
        "subject": notice.subject,
        "text": notice.text,
        "ends": notice.ends_at,
    }
