"""What may an operator do?

Owns: the operators' use cases, one module a subject: what is refused, what happens in one transaction, and
who acts, for the audit. Each function takes the services that it works on, and an `actor` if it changes
something. `cli` is one face of this package; a console and an API can be others. Must not know: click,
Flask, a request, how a result is printed. Start reading at `operation.py`, then at the subject.
"""

from admin.operation import OperationRefused, Services, UnclearSelection

__all__ = ["OperationRefused", "Services", "UnclearSelection"]
