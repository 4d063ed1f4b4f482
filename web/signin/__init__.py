"""How does a user sign in, and what may a client have?

Owns: the authorization endpoint as a browser sees it, the pages `/signin` and `/consent`, the order of their
steps, and the cookie of a session. Must not know: which requests are valid (`oauth`), how a password is
verified (`login`), how a page looks (`web.pages`). Start reading at `authflow.py`.

- `authflow.py`: the state machine: which step comes next.
- `situation.py`: what is known of a request at this moment, for the state machine.
- `steps.py`: carries out a step: a page, a redirect, or the answer to the client.
- `views.py`, `sign_in.py`, `consent.py`: the authorization endpoint and the two pages.
- `visit.py`: the flow that a page was opened for. `refusals.py`: what log and audit keep of a failed sign-in.
- `flows.py`: requests that wait for their user, under a handle.
- `session_cookie.py`: `current_session` and `require_sign_in`, for every page that needs a user.
- `desk.py`: the parts that these pages share.
"""

from web.signin.desk import SignInDesk
from web.signin.flows import Flows
from web.signin.session_cookie import current_session, forget_session, has_signed_in_since, require_sign_in
from web.signin.views import sign_in_pages

__all__ = [
    "Flows",
    "SignInDesk",
    "current_session",
    "forget_session",
    "has_signed_in_since",
    "require_sign_in",
    "sign_in_pages",
]
