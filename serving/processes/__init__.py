"""The supervisor and its worker processes.

Owns: starting and restarting workers, and what a process keeps of its environment. Must not know: what the
application is. Start reading at `supervisor.py`.
"""
