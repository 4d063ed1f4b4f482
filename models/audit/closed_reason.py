"""The reasons that audit rows have for a login which a client's policy refused.

Owns: their names, by which the usage counts such logins apart from failures. Must not know: which reason
applies when (`oauth/policy/closed_reason.py`).
"""

from enum import StrEnum


class ClosedReason(StrEnum):
    """Why the operator's policy refuses a password grant. The audit has it, and a client its sentence."""

    OFF = "password_grant_off"
    ENDED = "password_grant_ended"
    BROWN_OUT = "brown_out"
    APP_PASSWORDS_ONLY = "app_passwords_only"
    APP_PASSWORDS_OFF = "app_passwords_off"
