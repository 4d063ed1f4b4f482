"""How does a user sign out?

Owns: the logout endpoint as a browser sees it, and the page `/logout`. Must not know: which requests are
valid (`oauth.logout`), what the end of a session brings about (`models.sessions`), how a page looks
(`web.pages`). Start reading at `views.py`.
"""

from web.logout.views import logout_pages

__all__ = ["logout_pages"]
