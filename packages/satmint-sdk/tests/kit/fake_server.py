"""The fake service on a real port, for tests with more than one process."""

from contextlib import AbstractContextManager

from satmint_sdk.testing import FakeTokenService


def on_a_port(service: FakeTokenService) -> AbstractContextManager[str]:
    """Serve it on loopback, and yield `127.0.0.1:<port>`."""
    return service.serve()
