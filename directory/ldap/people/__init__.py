"""Finds users by login name or stable id, and reads them.

Owns: which entry a login name or an id leads to, what an entry says about its user, and groups. Must not
know: sockets, TLS, whether a password is right. Start reading at `lookup.py`.

- `lookup`: the entry of a login name.
- `lookup_by_id`: the entry of a stable id, when a refresh token is used.
- `user_filter`: normal forms of login names, and the filters of both searches.
- `details`: the standard claims beyond name and mail address.
- `person`: the entry as a login sees it, and the `Person` that is made of it.
- `groups`: the groups of a user.
- `visibility_check`: whether our account sees users at all, for a login that finds none.
- `settings_check`: which setting is at fault if it sees none, for operators.
"""
