"""A client's policy of the password grant, as plain values.

Owns: what is stored of it, and its defaults. Must not know: what the policy refuses.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

APP_PASSWORDS_OFF, APP_PASSWORDS_ALLOWED, APP_PASSWORDS_ONLY = "off", "allowed", "only"
APP_PASSWORD_CHOICES = (APP_PASSWORDS_OFF, APP_PASSWORDS_ALLOWED, APP_PASSWORDS_ONLY)
"""What a client may do with app passwords: not use them, use them too, or use nothing else."""


class PasswordGrantPolicy(NamedTuple):
    """What a client may still do with passwords, and until when. Times are seconds since the epoch.

    - `announced_at`: when the end was first announced.
    - `ends_at`: when Net ID passwords are refused for good.
    - `brown_outs`: the begin and the end of each time in which they are refused.
    - `closed_to_new_people_at`: since when only people who used the client before may log in.
    - `app_passwords`: one of `APP_PASSWORD_CHOICES`.
    - `off_at`: since when passwords of both kinds are refused.
    """

    announced_at: int | None = None
    ends_at: int | None = None
    brown_outs: tuple[tuple[int, int], ...] = ()
    closed_to_new_people_at: int | None = None
    app_passwords: str = APP_PASSWORDS_ALLOWED
    off_at: int | None = None

    def json(self) -> dict[str, object] | None:
        """The values that differ from the default ones; None if none does, which the column holds then."""
        changed: dict[str, object] = {
            name: value for name, value in self._asdict().items() if value != _DEFAULTS[name]
        }
        if self.brown_outs:
            changed["brown_outs"] = [list(each) for each in self.brown_outs]
        return changed or None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any] | None) -> Self:
        """The policy that `json` gave. Names that this release does not know are ignored.

        Args:
            stored: the content of the column.
        """
        if not stored:
            return cls()
        known = {name: value for name, value in stored.items() if name in _DEFAULTS}
        if "brown_outs" in known:
            known["brown_outs"] = tuple((int(begin), int(end)) for begin, end in known["brown_outs"])
        return cls(**known)


_DEFAULTS: Mapping[str, Any] = PasswordGrantPolicy._field_defaults
DEFAULT_POLICY = PasswordGrantPolicy()
"""The policy of a client for which none was set."""
