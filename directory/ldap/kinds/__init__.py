"""What differs between OpenLDAP, 389-ds, Active Directory and FreeIPA.

Owns: attribute names, defaults, and how each kind counts failed logins. Must not know: connections. To add a
kind of directory, begin in `profiles.py`.
"""
