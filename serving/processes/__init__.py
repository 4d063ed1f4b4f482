"""The supervisor and its worker processes.

Owns: starting workers and starting them again, how a worker calls the application, and what a process keeps
of its environment. Must not know: what the application is. Start reading at `supervisor.py`.
"""
