"""Prints my grades."""

import os

from authlib.integrations.requests_client import OAuth2Session

SERVER, API = os.environ["SERVER"], os.environ["API"]


def get_token(session: OAuth2Session) -> None:
    """Get an access token."""
    name, password = os.environ["NET_ID"], os.environ["APP_PASSWORD"]
    session.fetch_token(f"{SERVER}/oauth/token", username=name, password=password, timeout=10)


with OAuth2Session(os.environ["CLIENT_ID"], os.environ.get("CLIENT_SECRET"), scope="grades") as program:
    get_token(program)
    answer = program.get(API, timeout=10)
    answer.raise_for_status()
    print(answer.text)
