"""App passwords of users: making them, listing and ending them, and notices before they end.

Owns: what an operator may do to app passwords. Must not know: click, a page, how a value looks, what a login
with one does. Start reading at `making.py`.

- `making.py`: an operator makes one for a user, by the rules that `/me` applies too.
- `ending.py`: listing live ones, and ending those that an operator selects.
- `notices.py`: mails to the owners of those that will soon end because nobody uses them.
"""
