"""The sync and async REST clients."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Generic, NoReturn, Self

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk.rest._drivers import AsyncDriver, SyncDriver
from satmint_sdk.rest._endpoint import client_endpoint
from satmint_sdk.rest._fabric import Fabric
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._project import Project
from satmint_sdk.rest._resource import D

if TYPE_CHECKING:
    import httpx


class _Client(Generic[D]):
    """The common part of both clients: the same resources, on either driver."""

    def __init__(self, driver: D) -> None:
        self._driver: D = driver
        self.fabric: Fabric[D] = Fabric(driver)
        self.project: Project[D] = Project(driver)

    @property
    def clock_offset(self) -> float | None:
        """Seconds that the server's clock is ahead of this machine's; `None` before an answer.

        Taken from the `Date` of the last answer, so right to a second or two.
        """
        return self._driver.clock_offset

    @property
    def request_options(self) -> RequestOptions | None:
        """The options for every call that the client was made with."""
        return self._driver.endpoint.options

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._driver.endpoint.base_url}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and a secret, and cannot be pickled")


class RestClient(_Client[SyncDriver]):
    """The REST API, with blocking methods. Threads may share one client.

    Example:
        with RestClient(project="...", token="PT...", host="example.signalwire.com") as client:
            pair = client.fabric.tokens.create_subscriber_token(reference="alice@example.com")

    Args:
        project: Project UUID; from `SIGNALWIRE_PROJECT_ID` if absent.
        token: API token; from `SIGNALWIRE_API_TOKEN` if absent.
        host: Host, with or without port; from `SIGNALWIRE_SPACE` if absent. `localhost`,
            `127.0.0.1` and `[::1]` use http, every other host https, with the CA bundle of
            `SIGNALWIRE_REST_CA_FILE` if set.
        request_options: Options for every call.
        transport: Replaces the network.
        clock: The source of time.
        entropy: The source of jitter.

    Raises:
        ValueError: An argument is missing, in the environment too, or is malformed.
    """

    def __init__(
        self,
        project: str | None = None,
        token: str | None = None,
        host: str | None = None,
        request_options: RequestOptions | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        endpoint = client_endpoint(project, token, host, request_options)
        super().__init__(SyncDriver(endpoint, clock, transport, entropy))

    def close(self) -> None:
        """Close the connections; calls made afterwards raise `RuntimeError`."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncRestClient(_Client[AsyncDriver]):
    """The REST API, with methods that are awaited. For one event loop at a time.

    Close it in the loop that used it; connections left behind by another loop are dropped.

    Example:
        async with AsyncRestClient() as client:
            pair = await client.fabric.tokens.create_subscriber_token(reference="alice")

    Arguments and errors are those of `RestClient`.
    """

    def __init__(
        self,
        project: str | None = None,
        token: str | None = None,
        host: str | None = None,
        request_options: RequestOptions | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        endpoint = client_endpoint(project, token, host, request_options)
        super().__init__(AsyncDriver(endpoint, clock, transport, entropy))

    async def close(self) -> None:
        """Close the connections; calls made afterwards raise `RuntimeError`."""
        await self._driver.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
