"""Clients of the fake service."""

from __future__ import annotations

from typing import Any

from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient
from satmint_sdk.testing import FakeTokenService


def client_of(
    service: FakeTokenService, request_options: RequestOptions | None = None
) -> RestClient:
    return service.client(request_options)


def async_client_of(
    service: FakeTokenService, request_options: RequestOptions | None = None
) -> AsyncRestClient:
    return service.async_client(request_options)


def json_of(value: object) -> Any:
    """Look at an answer as the plain dict that it is."""
    return value
