"""What an examination of the directory finds: one step, its verdict, and the setting that it speaks of.

Owns: the shape of a finding, and how a step that fails becomes one. Must not know: what is examined.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from directory.contract import DirectoryUnavailable, InvalidCredentials, Refusal

_ABOUT_REASONS = {
    Refusal.MUST_CHANGE: "NETID_LDAP_ALLOW_MUST_CHANGE",
    Refusal.AMBIGUOUS: "NETID_LDAP_USER_FILTER",
}
_SETTING = re.compile(r"NETID_[A-Z0-9_]+")


class StepStatus(StrEnum):
    """How a step came out. A warning lets logins work, but somebody should look."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One step. `setting` is the one to change where something is wrong; `milliseconds` is what it took."""

    step: str
    verdict: StepStatus
    text: str
    setting: str | None = None
    server: str | None = None
    milliseconds: float = 0.0


@dataclass(frozen=True, slots=True)
class StepResult:
    """What a step has to tell when it did not fail. `warning` names the setting that it warns about."""

    text: str
    warning: str | None = None


class StepFailed(Exception):
    """A step came to nothing: what was seen, and the setting to look at."""

    def __init__(self, text: str, setting: str) -> None:
        super().__init__(text)
        self.text = text
        self.setting = setting


@dataclass(frozen=True, slots=True)
class Steps:
    """Takes steps and times them."""

    monotonic: Callable[[], float]
    server: str | None = None

    def take(self, step: str, setting: str, action: Callable[[], StepResult]) -> Finding:
        """Take one step.

        Args:
            step: its name.
            setting: the one to look at if it fails, unless the failure names another; empty for none.
            action: does it, and tells what was seen.
        """
        began = self.monotonic()
        try:
            told = action()
        except (DirectoryUnavailable, InvalidCredentials, StepFailed) as failure:
            text, named = _described(failure)
            return self._finding(step, StepStatus.FAILED, text, named or setting or None, began)
        verdict = StepStatus.WARNING if told.warning else StepStatus.OK
        return self._finding(step, verdict, told.text, told.warning, began)

    def _finding(
        self, step: str, verdict: StepStatus, text: str, setting: str | None, began: float
    ) -> Finding:
        took = round((self.monotonic() - began) * 1000, 1)
        return Finding(
            step=step, verdict=verdict, text=text, setting=setting, server=self.server, milliseconds=took
        )


def _described(failure: DirectoryUnavailable | InvalidCredentials | StepFailed) -> tuple[str, str | None]:
    if isinstance(failure, StepFailed):
        return failure.text, failure.setting
    if isinstance(failure, InvalidCredentials):
        detail = f": {failure.detail}" if failure.detail else ""
        return f"{failure.reason.value}{detail}", _ABOUT_REASONS.get(failure.reason)
    named = _SETTING.search(failure.cause)
    return failure.cause, named[0] if named else None
