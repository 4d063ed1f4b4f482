"""App passwords: random values that stand for a user's password at one client.

Owns: the format of a value, and what a login with one must meet. No value reaches a directory, a cache of
refused passwords or a log. Must not know: how app passwords are stored, who may make one, and how a refusal
is answered.

`value` has the format; `limits` the limits on wrong ones; `recent_people` the people who were read minutes
ago; `service` the steps of a login. Start reading at `service.py`.
"""

from typing import TYPE_CHECKING

from core.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from login.app_passwords.value import PREFIX, digest_of, is_app_password, new_app_password

__all__ = ["PREFIX", "digest_of", "is_app_password", "new_app_password"]

if not TYPE_CHECKING:
    __getattr__ = lazy_exports(
        __name__,
        {"value": ("PREFIX", "digest_of", "is_app_password", "new_app_password")},
    )
