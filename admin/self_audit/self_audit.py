"""Runs every check, and leaves out the findings that the operator has accepted."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from admin.operation import OperationRefused, Services
from admin.self_audit import (
    app_passwords,
    clients,
    directory,
    guessing,
    password_grant,
    sign_in,
    storage,
    tokens_and_keys,
    transport,
)
from admin.self_audit.finding import Check, Finding, Trouble, Weight
from admin.self_audit.snapshot import Snapshot, take_snapshot

CHECKS: Sequence[Check] = (
    *transport.CHECKS,
    *clients.CHECKS,
    *password_grant.CHECKS,
    *app_passwords.CHECKS,
    *tokens_and_keys.CHECKS,
    *sign_in.CHECKS,
    *directory.CHECKS,
    *guessing.CHECKS,
    *storage.CHECKS,
)
"""Every check, in the order in which findings of the same weight are listed."""
_WEIGHTS = list(Weight)


class UnknownCheck(OperationRefused):
    """The operator accepted a finding that no check makes."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no check {name!r}; docs/self-audit.md has the list.")


def audit_self(
    services: Services, *, key_file: Path, environ: Mapping[str, str], accepted: Iterable[str] = ()
) -> Sequence[Finding]:
    """Check the settings and the stored rows.

    Args:
        services: what the use case works on.
        key_file: where the server key is, unless a setting names it.
        environ: the environment of the process.
        accepted: findings to leave out: the id of a check, or `ID=ABOUT` for one setting, client or key.

    Returns:
        The findings, the worst first.

    Raises:
        UnknownCheck: `accepted` names no check.
        StoreUnavailable: the database did not answer.
    """
    left_out = {_accepted(each) for each in accepted}
    snapshot = take_snapshot(services, key_file=key_file, environ=environ)
    return [
        each
        for each in findings_in(snapshot)
        if left_out.isdisjoint({(each.id, None), (each.id, each.about)})
    ]


def findings_in(snapshot: Snapshot) -> Sequence[Finding]:
    """What the checks find, the worst first.

    Args:
        snapshot: the settings and rows.
    """
    found = [_finding(check, trouble) for check in CHECKS for trouble in check.find(snapshot)]
    return sorted(found, key=lambda each: _WEIGHTS.index(each.weight))


def worst(findings: Iterable[Finding]) -> Weight | None:
    """The weight of the worst finding; None without findings.

    Args:
        findings: what was found.
    """
    return min((each.weight for each in findings), key=_WEIGHTS.index, default=None)


def _finding(check: Check, trouble: Trouble) -> Finding:
    client = trouble.client
    return Finding(
        id=check.id,
        weight=trouble.weight or check.weight,
        about=trouble.about,
        client_id=None if client is None else client.client_id,
        client_name=None if client is None else client.client_name,
        sentence=trouble.sentence,
        mend=trouble.mend,
        references=check.references,
    )


def _accepted(text: str) -> tuple[str, str | None]:
    name, equals, about = text.partition("=")
    if name not in {each.id for each in CHECKS}:
        raise UnknownCheck(name)
    return name, about if equals else None
