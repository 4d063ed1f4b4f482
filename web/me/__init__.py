"""What of mine is signed in, and which programs act for me?

Owns: the page `/me`, where users see and end their own programs, app passwords and sessions, and the page
where they make an app password. Must not know: how a user signs in, how a page looks, and other users'
objects. Start reading at `views.py`.

- `views.py`: the page and its buttons. `new_app_password.py`: the page that makes an app password.
- `account.py`: what a user may see and end. `own_app_passwords.py`: the same of app passwords.
- `browsers.py`: a browser in words.
"""

from web.me.account import Account
from web.me.own_app_passwords import OwnAppPasswords
from web.me.views import own_page

__all__ = ["Account", "OwnAppPasswords", "own_page"]
