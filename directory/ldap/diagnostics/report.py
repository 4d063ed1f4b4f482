"""The findings of the check: one for each step, with its status and the setting that it concerns.

Owns: the members of a finding, and how a failed step becomes one. Must not know: what is checked.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal

_SETTINGS_OF_REASONS = {
    Refusal.MUST_CHANGE: "NETID_LDAP_ALLOW_MUST_CHANGE",
    Refusal.AMBIGUOUS: "NETID_LDAP_USER_FILTER",
}
_SETTING = re.compile(r"NETID_[A-Z0-9_]+")


class StepStatus(StrEnum):
    """The status of a step. With a warning logins work, but an operator should look at the setting."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The finding of one step.

    Attributes:
        step: the name of the step.
        verdict: its status.
        text: what the step found.
        setting: the setting to change, if something is wrong.
        server: the URI of the server; None for the embedded directory and for steps without a server.
        milliseconds: how long the step took.
    """

    step: str
    verdict: StepStatus
    text: str
    setting: str | None = None
    server: str | None = None
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step found if it did not fail. `warning` names the setting that a warning concerns."""

    text: str
    warning: str | None = None


class StepFailed(Exception):
    """A step failed: what it found, and the setting to change."""

    def __init__(self, text: str, setting: str) -> None:
        super().__init__(text)
        self.text = text
        self.setting = setting


@dataclass(frozen=True, slots=True)
class Steps:
    """Runs steps and times them."""

    monotonic: Callable[[], float]
    server: str | None = None

    def take(self, step: str, setting: str, action: Callable[[], StepResult]) -> Finding:
        """Run one step.

        Args:
            step: the name of the step.
            setting: the setting to change if the step fails, unless the failure names another; empty for
                none.
            action: does the step, and returns what it found.
        """
        began = self.monotonic()
        try:
            result = action()
        except (DirectoryUnavailable, InvalidCredentials, StepFailed) as failure:
            text, named_setting = _described(failure)
            return self._finding(step, StepStatus.FAILED, text, named_setting or setting or None, began)
        status = StepStatus.WARNING if result.warning else StepStatus.OK
        return self._finding(step, status, result.text, result.warning, began)

    def _finding(
        self, step: str, status: StepStatus, text: str, setting: str | None, began: float
    ) -> Finding:
        took = round((self.monotonic() - began) * 1000, 1)
        return Finding(
            step=step, verdict=status, text=text, setting=setting, server=self.server, milliseconds=took
        )


def _described(failure: DirectoryUnavailable | InvalidCredentials | StepFailed) -> tuple[str, str | None]:
    """Return the sentence of a failure, and the setting that the failure itself names."""
    if isinstance(failure, StepFailed):
        return failure.text, failure.setting
    if isinstance(failure, InvalidCredentials):
        detail = f": {failure.detail}" if failure.detail else ""
        return f"{failure.reason.value}{detail}", _SETTINGS_OF_REASONS.get(failure.reason)
    setting = _SETTING.search(failure.cause)
    return failure.cause, setting[0] if setting else None
