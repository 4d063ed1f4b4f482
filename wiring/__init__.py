"""From settings to objects: one module for each package that it builds.

Owns: which implementation serves which contract, and which setting reaches it. Must not know: how any of them
works. Only `app.py` imports it. Start reading at `login.py`.
"""
