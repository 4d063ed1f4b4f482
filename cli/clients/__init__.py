"""`flask client …`: one module for each subject of the command.

Owns: options, questions and what is printed of clients. Must not know: rows, how a client is authenticated.
Start reading at `client.py`.
"""
