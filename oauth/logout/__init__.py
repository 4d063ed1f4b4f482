"""Logout: what a program asks for, and what programs are told.

Owns: the checks of a logout request, the logout token, and when a notice is sent again. Must not know: pages,
cookies, how a session ends, how a request is sent. Start reading at `request.py`.

- `request.py`: a program sends its user here to sign out.
- `logout_token.py`: what a program is told about the end of a session.
- `notice_sender.py`: sends the notices that wait.
"""
