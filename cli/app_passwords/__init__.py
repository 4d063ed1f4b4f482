"""`flask app-password …`: app passwords of users.

Owns: their options, and how app passwords and notices are printed. Must not know: who may have one, and how
one is stored or used. Start reading at `app_password.py`.
"""
