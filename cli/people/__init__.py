"""`flask person …`: who is meant, why a login fails, what is ended.

Owns: options and sentences of the help desk's commands. Must not know: LDAP, how limits count. Start
reading at `person.py`.
"""
