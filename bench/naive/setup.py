"""Makes the tables and the one client of the naive server, whose settings are in the environment.

python -m bench.naive.setup CLIENT_ID CLIENT_SECRET
"""

import sys

from bench.naive.app import Client, app, db


def main() -> None:
    """Make both."""
    client_id, client_secret = sys.argv[1:]
    with app.app_context():
        db.create_all()
        client = Client(client_id=client_id, client_secret=client_secret)
        grants = ["password", "refresh_token"]
        client.set_client_metadata(
            {"grant_types": grants, "token_endpoint_auth_method": "client_secret_basic"}
        )
        db.session.add(client)
        db.session.commit()


if __name__ == "__main__":
    main()
