"""What a program asks of the browser's user: the authorization request, its checks, and its answer.

Owns: the strict parser of authorization requests, the checks of each parameter, and the form of the answer.
Must not know: pages, sessions, the directory, how codes are stored. Start reading at `request.py`.

- `request.py`: the values: a checked request, an answer, and the two kinds of refusal.
- `reading.py`: the strict parser of a query or a form. `checks.py`: the rule of each parameter.
"""
