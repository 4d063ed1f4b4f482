"""A simulated campus that ends its password grant by the plan of docs/way-out.md.

Owns: the programs, their owners and users, a virtual clock, and the campus's own book of what was announced
and what failed. The server is the real one, in this process. Must not know: how the server decides; it is
judged by its answers, its mails and its reports alone.

- `plan.py` reads the operator's commands from docs/way-out.md; `operator.py` runs them.
- `programs.py` makes the programs; `life.py` lets them log in and their owners react.
- `book.py` notes notices, logins and failures; `proof.py` compares the book with what the server says.
- `server.py` runs the server, `people.py` the directory with its lockout, `picture.py` prints the decline.
"""
