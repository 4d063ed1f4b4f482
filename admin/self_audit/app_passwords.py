"""Checks of app passwords: how long they live, where they work, and whether their client takes them."""

from collections import Counter
from collections.abc import Callable, Iterator

from admin.self_audit.clients import is_broad
from admin.self_audit.finding import FLASK, Check, Trouble, Weight, of_client, of_setting, selection
from admin.self_audit.snapshot import DAY, MAX_APP_PASSWORDS_READ, Snapshot
from models import AppPassword, Client
from oauth.policy.closed_reason import PASSWORD, final_reason

LONG_DAYS, TOO_LONG_DAYS = 180, 366
"""Days of an app password beyond which it is long, and too long."""
_LIST = "app-password list"


def _long_and_open(snapshot: Snapshot) -> Iterator[Trouble]:
    """App passwords live longer than 180 days and work from any network."""
    yield from _by_client(
        snapshot,
        lambda each, _: _is_long(each) and _is_open(each),
        f"App passwords that live longer than {LONG_DAYS} days and work from any network:",
    )


def _long(snapshot: Snapshot) -> Iterator[Trouble]:
    """App passwords live longer than 180 days."""
    yield from _by_client(
        snapshot,
        lambda each, _: _is_long(each) and not _is_open(each),
        f"App passwords that live longer than {LONG_DAYS} days:",
    )


def _any_network(snapshot: Snapshot) -> Iterator[Trouble]:
    """App passwords work from any network, though their client's program could be bound to one."""
    yield from _by_client(
        snapshot,
        lambda each, client: _is_open(each) and not client.restrictions.get("networks"),
        "App passwords that work from any network:",
    )


def _without_use(snapshot: Snapshot) -> Iterator[Trouble]:
    """App passwords are live that their client cannot use."""
    ends = snapshot.settings.password_grant_ends

    def is_useless(_: AppPassword, client: Client) -> bool:
        if client.disabled_at is not None or PASSWORD not in client.grant_types:
            return True
        return final_reason(client.password_grant, ends, is_app_password=True, now=snapshot.now) is not None

    yield from _by_client(
        snapshot,
        is_useless,
        "App passwords that this client cannot use, but that a later change would open again:",
        mend="app-password revoke",
    )


def _max_days(snapshot: Snapshot) -> Iterator[Trouble]:
    """App passwords may be made that live long."""
    days = snapshot.settings.app_password_max_days
    if days > LONG_DAYS:
        yield of_setting(
            "app_password_max_days",
            f"{{setting}} lets an app password live {days} days, though each is a password in a file.",
            str(LONG_DAYS),
            weight=Weight.MEDIUM if days > TOO_LONG_DAYS else None,
        )


def _unread(snapshot: Snapshot) -> Iterator[Trouble]:
    """There are more app passwords than the audit reads."""
    if snapshot.more_app_passwords:
        yield Trouble(
            "app passwords",
            f"Only the newest {MAX_APP_PASSWORDS_READ:,} live app passwords were looked at.",
            f"{FLASK} {_LIST}",
        )


def _is_long(app_password: AppPassword) -> bool:
    return app_password.expires_at - app_password.created_at > LONG_DAYS * DAY


def _is_open(app_password: AppPassword) -> bool:
    return not app_password.networks or any(map(is_broad, app_password.networks))


def _by_client(
    snapshot: Snapshot, is_wrong: Callable[[AppPassword, Client], bool], sentence: str, *, mend: str = _LIST
) -> Iterator[Trouble]:
    """One trouble for each client with such app passwords, with their number."""
    clients = {each.client_id: each for each in snapshot.clients}
    counts = Counter(
        each.client_id
        for each in snapshot.app_passwords
        if (client := clients.get(each.client_id)) is not None and is_wrong(each, client)
    )
    for client_id, count in counts.items():
        client = clients[client_id]
        yield of_client(client, f"{sentence} {count}.", selection(mend, client))


CHECKS = (
    Check("app-password-long-and-open", Weight.MEDIUM, _long_and_open),
    Check("app-password-long", Weight.LOW, _long),
    Check("app-password-any-network", Weight.NOTE, _any_network),
    Check("app-password-without-use", Weight.LOW, _without_use, ("ASVS 10.4.4",)),
    Check("app-password-days-many", Weight.LOW, _max_days),
    Check("app-passwords-unread", Weight.NOTE, _unread),
)
"""The checks of this subject, in the order of their findings."""
