"""Clients of the fake service."""

from __future__ import annotations

from typing import Any

from kit.service import API_TOKEN, PROJECT, FakeTokenService
from satmint_sdk.rest import AsyncRestClient, RequestOptions, RestClient
from satmint_sdk.testing import FakeEntropy


def client_of(
    service: FakeTokenService, request_options: RequestOptions | None = None
) -> RestClient:
    return RestClient(
        PROJECT,
        API_TOKEN,
        "fabric.test",
        request_options,
        transport=lambda: service,
        clock=service.clock,
        entropy=FakeEntropy(0),
    )


def async_client_of(
    service: FakeTokenService, request_options: RequestOptions | None = None
) -> AsyncRestClient:
    return AsyncRestClient(
        PROJECT,
        API_TOKEN,
        "fabric.test",
        request_options,
        transport=lambda: service,
        clock=service.clock,
        entropy=FakeEntropy(0),
    )


def json_of(value: object) -> Any:
    """Look at an answer as the plain dict that it is."""
    return value
