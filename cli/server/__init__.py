"""`flask serve`: its wait for the database, and the walk-through of `make run`.

Owns: what is checked and printed before the server starts. Must not know: how workers are supervised.
Start reading at `serve.py`.
"""
