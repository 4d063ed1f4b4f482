"""`flask client …`: one module for each subject of the command.

Owns: the options of clients, and how clients are printed. Must not know: rows, how a client authenticates.
Start reading at `client.py`.
"""
