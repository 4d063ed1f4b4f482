"""What differs between OpenLDAP, 389-ds, Active Directory and FreeIPA.

Owns: one module for each kind of directory, with its attribute names, its defaults, and how it counts failed
logins. Must not know: connections. Start reading at `profile.py`; to add a kind, begin in `profiles.py`.
"""
