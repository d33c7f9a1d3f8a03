"""A Django site in one file, for gunicorn: a decorator verifies the token of each request."""

from __future__ import annotations

import os

import django
from _common import log_everything
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views import View

from satmint_sdk.rest import RestClient
from satmint_sdk.verify import Verifier
from satmint_sdk.verify.django import TokenRequired

log_everything()
settings.configure(
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["127.0.0.1"],
    SECRET_KEY="for tests",
    LOGGING_CONFIG=None,
    MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
)
django.setup()

protected = TokenRequired(Verifier(RestClient()), base_url=os.environ["BASE_URL"])


@protected
def me(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"subscriber": request.satmint.subscriber, "kind": request.satmint.kind})


@protected
@protected.requiring("sat:refresh")
def refreshing(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"subscriber": request.satmint.subscriber})


class Address(View):
    def get(self, request: HttpRequest, address: str) -> JsonResponse:
        return JsonResponse({"subscriber": request.satmint.subscriber, "address": address})


urlpatterns = [
    path("me", me),
    path("refreshing", refreshing),
    path("addresses/<address>", protected.requiring(address_param="address")(Address.as_view())),
]
application = WSGIHandler()
