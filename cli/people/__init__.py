"""`flask person …`: commands of the help desk.

Owns: their options, and how a report is printed. Must not know: LDAP, how limits count. Start reading at
`person.py`.
"""
