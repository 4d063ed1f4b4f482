"""Prints my grades."""

import os

from authlib.integrations.requests_client import OAuth2Session

SERVER, API = os.environ["SERVER"], os.environ["API"]


def get_token(session: OAuth2Session) -> None:
    """Get an access token."""
    session.fetch_token(f"{SERVER}/oauth/token", grant_type="client_credentials", timeout=10)


with OAuth2Session(os.environ["CLIENT_ID"], os.environ.get("CLIENT_SECRET"), scope="grades") as program:
    get_token(program)
    answer = program.get(API, timeout=10)
    answer.raise_for_status()
    print(answer.text)
