"""The grants: one module each.

Owns: the order of steps in which a grant is decided. Must not know: how a person is looked up, or rows.
"""
