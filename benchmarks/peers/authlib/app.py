"""Authlib on Flask and SQLAlchemy, as its documentation sets up an OAuth 2 server.

Opaque tokens of the library's own making, a new refresh token for each that is used, the old one
revoked by the documented hook. Its `gunicorn` settings are in `gunicorn_settings.py`.
"""

import time

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.integrations.sqla_oauth2 import (
    OAuth2ClientMixin,
    OAuth2TokenMixin,
    create_query_client_func,
    create_save_token_func,
)
from authlib.oauth2.rfc6749 import grants
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://"  # where, the environment says
app.config["OAUTH2_REFRESH_TOKEN_GENERATOR"] = True
db = SQLAlchemy(app)


class User(db.Model):
    """Whoever signs in."""

    __tablename__ = "users"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), unique=True, nullable=False)

    def get_user_id(self):
        return self.id


class Client(db.Model, OAuth2ClientMixin):
    """The backend."""

    __tablename__ = "clients"
    id = db.Column(db.Integer, primary_key=True)


class Token(db.Model, OAuth2TokenMixin):
    """A pair of tokens."""

    __tablename__ = "tokens"
    id = db.Column(db.Integer, primary_key=True)
    user_id = db.Column(db.Integer, db.ForeignKey("users.id"))
    # The mixin has no index on what every refresh looks for; a production schema has one.
    __table_args__ = (db.Index("tokens_by_refresh_token", "refresh_token"),)


class SignIn(grants.ResourceOwnerPasswordCredentialsGrant):
    """«Issue»: a backend signs one of its users in, whom it has authenticated by itself."""

    def authenticate_user(self, username, _password):
        user = User.query.filter_by(name=username).first()
        if user is None:
            user = User(name=username)
            db.session.add(user)
            db.session.commit()
        return user


class Refresh(grants.RefreshTokenGrant):
    """The documented three hooks."""

    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        token = Token.query.filter_by(refresh_token=refresh_token).first()
        return token if token and not token.is_revoked() else None

    def authenticate_user(self, refresh_token):
        return db.session.get(User, refresh_token.user_id)

    def revoke_old_credential(self, refresh_token):
        refresh_token.refresh_token_revoked_at = int(time.time())
        refresh_token.access_token_revoked_at = int(time.time())
        db.session.commit()


server = AuthorizationServer(
    app, create_query_client_func(db.session, Client), create_save_token_func(db.session, Token)
)
server.register_grant(SignIn)
server.register_grant(Refresh)


@app.post("/token")
def token():
    """The token endpoint."""
    return server.create_token_response()


def prepare():
    """Make the tables and the one client."""
    with app.app_context():
        db.create_all()
        client = Client(client_id="bench", client_secret="bench-secret-of-some-length-0123456789")
        client.set_client_metadata(
            {
                "grant_types": ["password", "refresh_token"],
                "token_endpoint_auth_method": "client_secret_basic",
                "scope": "",
            }
        )
        db.session.add(client)
        db.session.commit()
        db.engine.dispose()
