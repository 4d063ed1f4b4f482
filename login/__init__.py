"""May this attempt reach the directory, and what came of it?

Owns: the order of checks before a bind, and how many logins may be under way at once. Must not know:
Flask, Authlib, SQL, `models`. It re-exports the directory's outcomes, so that
the protocol need not import the directory.
"""

from directory import DirectoryUnavailable, InvalidCredentials, Person, Refusal
from login.login import Login

__all__ = ["DirectoryUnavailable", "InvalidCredentials", "Login", "Person", "Refusal"]
