"""What of mine is signed in, and which programs act for me?

Owns: the page `/me`, where users see and end their own programs and sessions. Must not know: how a user signs
in, how a page looks, and other users' objects. Start reading at `views.py`.

- `views.py`: the page and its buttons.
- `account.py`: what a user may see and end.
- `browsers.py`: a browser in words.
"""

from web.me.account import Account
from web.me.views import own_page

__all__ = ["Account", "own_page"]
