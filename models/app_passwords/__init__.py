"""App passwords: what a user has for one client in the place of the Net ID password.

Owns: that no token lives after the app password that gave it, and that a person has a bounded number of them.
Must not know: the form of an app password's text, who may have one, or how a login is checked. Start reading
at `app_password.py`; `app_password_use.py` is the condition of an issue, `app_password_ends.py` ends them.
"""
