"""Who still sends Net ID passwords to this server, and what each program should do instead?

Owns: the report on the password grant. It adds up the usage of each client, says what a client should move to
and why, which owners have not reacted, and when the decline reaches its end. Must not know: SQL, and how a
report is printed. No user's name is in a report: it counts users. Start reading at `report.py`, then at
`advice.py`.
"""
