"""Keys and digests: signing keys, encrypted secrets, digests of client secrets.

Owns: how they are stored, and under which server key. Must not know: where the server's own key comes from.
Start reading at `digest.py`.
"""
