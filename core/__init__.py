"""What every package may use: the deadline of a request, files that hold secrets, the syntax of rules.

Owns: rules that belong to the process and the machine, not to a protocol. Must not know: any other package.
Start reading at `request_deadline.py`.
"""
