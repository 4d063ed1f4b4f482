"""The grants: one module each, over the steps that `pipeline` shares among them.

`missing_person` is the part of a refresh whose person the directory does not have. `pkce` checks the
challenge and the verifier of a code.

Owns: the order of steps in which a grant is decided. Must not know: how a person is looked up, or rows.
"""
