"""The page `/device`: a signed-in user enters a device's code, and allows or denies its request.

Owns: the steps of that page, and its words. Must not know: how codes are stored, which rules apply to a
person (`oauth`), how a user signs in (`web.signin`), how a page looks (`web.pages`). Start reading at
`page.py`.

- `page.py`: the views, from a typed code to a decision.
- `kept_code.py`: the cookie that keeps a code while its user signs in.
"""

from web.device.page import device_page

__all__ = ["device_page"]
