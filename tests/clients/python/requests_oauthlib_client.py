"""requests-oauthlib as it is configured by default: logs in, and revokes the token.

Usage: requests_oauthlib_client.py URL CLIENT_ID CLIENT_SECRET PASSWORD
"""

import json
import sys

from oauthlib.oauth2 import LegacyApplicationClient, OAuth2Error
from requests import Response
from requests_oauthlib import OAuth2Session

url, client_id, secret, password = sys.argv[1:]
statuses: list[int] = []


def note_status(answer: Response) -> Response:
    """Keep the status: the library's error does not contain it."""
    statuses.append(answer.status_code)
    return answer


client = LegacyApplicationClient(client_id)
with OAuth2Session(client=client) as session:
    session.register_compliance_hook("access_token_response", note_status)
    try:
        token = session.fetch_token(
            f"{url}/oauth/token", username="alice", password=password, client_secret=secret
        )
    except OAuth2Error as error:
        print(json.dumps({"status": statuses[-1], "error": error.error}))
    else:
        prepared, headers, body = client.prepare_token_revocation_request(
            f"{url}/oauth/revoke", token["access_token"]
        )
        session.post(
            prepared, headers=headers, data=body, auth=(client_id, secret), withhold_token=True
        ).raise_for_status()
        print(json.dumps({"token": token["access_token"]}))
