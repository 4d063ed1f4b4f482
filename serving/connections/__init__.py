"""Connections and request bodies of one worker.

Owns: for how long a body may hold a thread, and which idle connections end. Must not know: what a request
asks for. Start reading at `reaper.py`.
"""
