"""The server that the libraries' own examples add up to: what `bench` compares ours with."""

from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.integrations.sqla_oauth2 import OAuth2ClientMixin, OAuth2TokenMixin
from authlib.integrations.sqla_oauth2 import functions as made
from authlib.oauth2.rfc6749.grants import ResourceOwnerPasswordCredentialsGrant
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask, jsonify
from flask_sqlalchemy import SQLAlchemy
from ldap3 import NONE, Connection, Server
from ldap3.utils.conv import escape_filter_chars
from sqlalchemy import Engine, event

app = Flask(__name__)
app.config.from_prefixed_env("NAIVE")
db, directory = SQLAlchemy(app), Server(app.config["LDAP"], get_info=NONE)
account = (app.config["DN"], app.config["PASSWORD"])
service = Connection(directory, *account, client_strategy="SAFE_SYNC", auto_bind=True)


class User(db.Model):  # type: ignore[name-defined]
    id, name = db.Column(db.Integer, primary_key=True), db.Column(db.String(40), unique=True)

    def get_user_id(self) -> int:
        return int(self.id)


class Client(db.Model, OAuth2ClientMixin):  # type: ignore[name-defined]
    id = db.Column(db.Integer, primary_key=True)


class Token(db.Model, OAuth2TokenMixin):  # type: ignore[name-defined]
    id, user_id = db.Column(db.Integer, primary_key=True), db.Column(db.ForeignKey("user.id"))
    user = db.relationship("User")


class PasswordGrant(ResourceOwnerPasswordCredentialsGrant):
    def authenticate_user(self, username: str, password: str) -> User | None:
        wanted = f"(uid={escape_filter_chars(username)})"
        _, _, found, _ = service.search(app.config["BASE"], wanted, attributes=["uid", "cn", "mail"])
        if not password or not found or not Connection(directory, found[0]["dn"], password).bind():
            return None
        user = User.query.filter_by(name=username).first() or User(name=username)
        db.session.add(user)
        db.session.commit()
        return user


class Introspection(IntrospectionEndpoint):
    query_token = staticmethod(made.create_query_token_func(db.session, Token))

    def check_permission(self, token: Any, client: Any, _request: Any) -> bool:
        return bool(token.client_id == client.client_id)

    def introspect_token(self, token: Any) -> dict[str, Any]:
        return {"active": True, "client_id": token.client_id, "username": token.user.name}


find_client = made.create_query_client_func(db.session, Client)
server = AuthorizationServer(app, find_client, made.create_save_token_func(db.session, Token))
server.register_grant(PasswordGrant)
server.register_endpoint(Introspection)
require_oauth = ResourceProtector()
require_oauth.register_token_validator(made.create_bearer_token_validator(db.session, Token)())
app.add_url_rule("/oauth/token", "token", server.create_token_response, methods=["POST"])
app.add_url_rule("/api/me", "me", require_oauth()(lambda: jsonify(username=current_token.user.name)))


@app.post("/oauth/introspect")
def introspect() -> Any:
    return server.create_endpoint_response("introspection")


@event.listens_for(Engine, "connect")
def durability(connection: Any, _record: Any) -> None:
    connection.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous={app.config['SYNCHRONOUS']}")
