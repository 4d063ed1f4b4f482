"""The authorization endpoint without its pages, and the endpoint that takes pushed requests.

Owns: the proof of client and redirect URI, the answers, the lifetimes of codes and pushed requests. Must not
know: pages, sessions, how a user signs in. Start reading at `endpoint.py`.
"""
