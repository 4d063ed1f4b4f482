"""Sign-in sessions, and what their end brings about.

`session_store.py` begins, finds and ends sessions; `session_end.py` has the statements of an end, and the
clients that a session signed in to; `session_listing.py` is for operators; `logout_notices.py` keeps what is
to be sent to clients. `missing_people.py` keeps the people whom the directory no longer finds, and ends their
sessions and grants.

Owns: that the end of a session ends its grants and notifies its clients, in one transaction. Must not know:
cookies, how long a session may be idle, how a logout token is made or sent. Start reading at
`session_store.py`.
"""
