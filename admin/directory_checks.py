"""Checks of the directory, step by step: its servers, one person, the groups of rules, lockout protection."""

from collections.abc import Iterator

from admin.operation import Services, refuse_app_passwords
from directory import DirectoryUnavailable, InvalidCredentials
from directory.ldap import Diagnostics, Finding, StepStatus
from models import StoreUnavailable
from oauth import doubts

_GROUPS_STEP, _LOCKOUT_STEP = "groups of rules", "shield"


def check_directory(services: Services, net_id: str | None, password: str | None) -> Iterator[Finding]:
    """Examine the directory as logins use it.

    Args:
        services: what the use case works on.
        net_id: a person to look at as well.
        password: the person's password, to bind with.

    Yields:
        A finding for each step, as soon as it is known.

    Raises:
        TypedAppPassword: name or password looks like an app password.
    """
    refuse_app_passwords(net_id, password)
    if services.ldap_config.embedded_path is not None:
        text = "the embedded directory for a first try: no LDAP server is checked"
        yield Finding(step="directory", verdict=StepStatus.WARNING, text=text, setting="NETID_LDAP_URI")
    yield from Diagnostics(services.ldap_config).examine(net_id, password)
    yield from _check_groups_of_rules(services)
    if net_id is not None:
        yield from _compare_with_lockout(services, net_id)


def _check_groups_of_rules(services: Services) -> Iterator[Finding]:
    """Whether the directory has the groups that rules name."""
    if not services.ldap_config.sees_people:
        return
    try:
        named = services.named_groups()
        doubtful = list(doubts(named, services.directory.spelling))
    except (DirectoryUnavailable, StoreUnavailable) as error:
        text = f"could not be looked at: {error.cause}"
        yield Finding(step=_GROUPS_STEP, verdict=StepStatus.WARNING, text=text)
        return
    for doubt in doubtful:
        places = ", ".join(doubt.places)
        text = f"{doubt.dn}: {doubt.why} ({places})"
        yield Finding(step=_GROUPS_STEP, verdict=StepStatus.WARNING, text=text, setting=places)
    if named and not doubtful:
        yield Finding(
            step=_GROUPS_STEP, verdict=StepStatus.OK, text=f"{len(named)} groups of rules are there"
        )


def _compare_with_lockout(services: Services, net_id: str) -> Iterator[Finding]:
    """Whether guesses through this server stay below the number of failures that locks an account.

    Every worker may have one bind under way before the first failure counts.
    """
    try:
        limit = services.directory.examine(net_id).lockout_status.limit
    except (InvalidCredentials, DirectoryUnavailable):
        return
    if not limit:
        return
    budget, workers = services.settings.shield_budget, services.settings.workers
    most = budget + workers - 1
    if not budget:
        text = f"off: nothing of ours keeps guesses below the {limit} failures that lock"
        yield Finding(
            step=_LOCKOUT_STEP, verdict=StepStatus.WARNING, text=text, setting="NETID_SHIELD_BUDGET"
        )
    elif most >= limit:
        text = f"guesses at once may add {most} failures with {workers} workers, and {limit} lock"
        settings = "NETID_WORKERS, NETID_SHIELD_BUDGET"
        yield Finding(step=_LOCKOUT_STEP, verdict=StepStatus.WARNING, text=text, setting=settings)
    else:
        text = f"guesses add at most {most} failures with {workers} workers of one node, and {limit} lock"
        yield Finding(step=_LOCKOUT_STEP, verdict=StepStatus.OK, text=text)
