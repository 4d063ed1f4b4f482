"""Authlib as it is configured by default: logs in by form, and revokes the token.

Usage: authlib_client.py URL CLIENT_ID CLIENT_SECRET PASSWORD
"""

import json
import sys

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from requests import HTTPError, Response

url, client_id, secret, password = sys.argv[1:]
statuses: list[int] = []


def note_status(answer: Response) -> Response:
    """Keep the status: the library's error does not contain it."""
    statuses.append(answer.status_code)
    return answer


# revoke_token sends the secret in a header all the same.
with OAuth2Session(client_id, secret, token_endpoint_auth_method="client_secret_post") as session:
    session.register_compliance_hook("access_token_response", note_status)
    try:
        token = session.fetch_token(f"{url}/oauth/token", username="alice", password=password)
    except OAuthError as error:
        print(json.dumps({"status": statuses[-1], "error": error.error}))
    except HTTPError as error:  # the library reads no body of a status from 500 on
        print(json.dumps({"status": error.response.status_code, "error": error.response.json()["error"]}))
    else:
        session.revoke_token(f"{url}/oauth/revoke", token=token["access_token"])
        print(json.dumps({"token": token["access_token"]}))
