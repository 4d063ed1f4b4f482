"""Rules that every package may use: a request's deadline, files with secrets, the syntax of rules, settings.

Owns: rules of the process and the machine, not of a protocol. Must not know: any other package. Start reading
at `request_deadline.py`.

- `request_deadline.py`: one deadline for all waits of a request.
- `private_files.py`: files that no other user of the machine may read or change.
- `person_rules.py`: the syntax of rules about people.
- `moments.py`: dates, times and durations that an operator writes, all in UTC.
- `setting_rules.py`: how a setting's text becomes a value. `setting_mistakes.py`: how mistakes are reported.
"""
