"""A Flask application, for gunicorn with threads."""

from __future__ import annotations

from _common import log_everything
from _wsgi_session import me
from flask import Flask

log_everything()
application = Flask(__name__)


@application.get("/me")
def show() -> dict[str, object]:
    return me()
