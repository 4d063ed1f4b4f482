"""How do operators end the password grant?

`policy_change.py` computes a client's new policy and refuses what makes no sense. `policies.py` sets, undoes
and lists policies. `unused.py` closes the grant for clients that do not use it.

Owns: the steps of the way out, each with its audit row. Must not know: options of commands, rows, and how a
request is refused. Start reading at `policy_change.py`.
"""
