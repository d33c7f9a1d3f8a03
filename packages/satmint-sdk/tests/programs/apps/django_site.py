"""A Django site in one file, for gunicorn. It uses the session before workers are forked."""

from __future__ import annotations

import django
from _common import log_everything
from _wsgi_session import me
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path

log_everything()
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY="for tests",
    LOGGING_CONFIG=None,
)
django.setup()


def show(_: HttpRequest) -> JsonResponse:
    return JsonResponse(me())


urlpatterns = [path("me", show)]
application = WSGIHandler()
me()  # as a check at the start does: workers inherit an open session and open connections
