"""`flask directory check`: what works, what fails, and which setting is at fault.

Owns: the steps of the check and their sentences. Must not know: logins. Start reading at
`directory_check.py`.
"""
