"""The sync and async REST clients."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Self

from satmint_sdk._ambient import SYSTEM_CLOCK, SYSTEM_ENTROPY, Clock, Entropy
from satmint_sdk._secrets import Secret, SecretText
from satmint_sdk.rest._call import Call, any_method, any_path
from satmint_sdk.rest._connection import Certificate
from satmint_sdk.rest._drivers import AsyncDriver, SyncDriver
from satmint_sdk.rest._endpoint import client_endpoint
from satmint_sdk.rest._fabric import Fabric
from satmint_sdk.rest._last_response import LastResponse, last_response
from satmint_sdk.rest._management import Management
from satmint_sdk.rest._options import RequestOptions
from satmint_sdk.rest._project import Project
from satmint_sdk.rest._resource import D, Resource, api_method, group, install

if TYPE_CHECKING:
    import ssl

    import httpx


class _Client(Resource[D]):
    """The common part of both clients: the same resources, on either driver."""

    fabric: Fabric[D] = group(Fabric)
    project: Project[D] = group(Project)
    satmint: Management[D] = group(Management)

    def __new__(cls, *_: object, **__: object) -> Self:
        """Make one of exactly this class: it has its functions already."""
        return object.__new__(cls)

    def __init_subclass__(cls, *, is_async: bool | None = None) -> None:
        super().__init_subclass__()
        if is_async is not None:
            install(cls, is_async=is_async)

    @api_method
    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        request_options: RequestOptions | None = None,
    ) -> Call[Any]:
        """Send a request to any path of the server, with the client's credentials.

        For what no method exists for. Retries, errors and time limits are those of every call.

        Args:
            method: HTTP method.
            path: Path from the root, such as `/api/fabric/addresses`. Escape what you put into it.
            query: Members of the query; `None` leaves one out, a list repeats it.
            body: Members of the JSON body; no body if absent.
            request_options: How to send this call.

        Returns:
            The response's JSON; an empty dict if it has no body.
        """
        return Call(
            any_method(method),
            any_path(path),
            query=dict(query or {}),
            body=None if body is None else dict(body),
            options=request_options,
            any_json=True,
        )

    @property
    def last_response(self) -> LastResponse | None:
        """Status, headers and request id of the last successful response of this client.

        In this thread or task: those of others that use the client at the same time are apart.
        `None` before the first. Of failed ones, the error has the same attributes.
        """
        return last_response(self._driver)

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
        driver = self.__dict__.get("_driver")  # absent if the constructor has failed
        where = "nothing" if driver is None else driver.endpoint.base_url
        return f"<{type(self).__name__} of {where}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client holds connections and a secret, and cannot be pickled")


class _Secrets:
    """The secrets among a constructor's arguments, taken before anything can fail.

    Reporters of errors show the variables of a frame.
    """

    def __init__(self, token: str | None, proxy: str | None, cert: Certificate | None) -> None:
        self.token = None if token is None else SecretText(token)
        self.proxy = None if proxy is None else SecretText(proxy)
        self.cert = None if cert is None else Secret(cert)


class RestClient(_Client[SyncDriver], is_async=False):
    """The REST API, with blocking methods. Threads may share one client.

    `fabric`, `project` and `satmint` (the management API) are groups of methods; `request` is for
    any other path.

    Example:
        with RestClient(project="...", token="PT...", host="example.signalwire.com") as client:
            pair = client.fabric.tokens.create_subscriber_token(reference="alice@example.com")

    Args:
        project: Project UUID; from `SIGNALWIRE_PROJECT_ID` if absent.
        token: API token; from `SIGNALWIRE_API_TOKEN` if absent.
        host: Host, with or without port; from `SIGNALWIRE_SPACE` if absent. `localhost`,
            `127.0.0.1` and `[::1]` use http, every other host https.
        request_options: Options for every call.
        verify: Which certificates of servers are trusted: an `ssl.SSLContext`, or a PEM file or
            directory. `True` means those of `SIGNALWIRE_REST_CA_FILE`, `SSL_CERT_FILE` or
            `SSL_CERT_DIR`, whichever is the first to be set, or else the public roots; `False`
            means any, and is for tests.
        cert: The client's own certificate: a PEM file, or a tuple with the file of its key and
            with the password of that.
        proxy: URL of a proxy (`http`, `https`, `socks5`). Otherwise `HTTPS_PROXY`, `ALL_PROXY` and
            `NO_PROXY` apply, except to this machine itself.
        limits: Size of the pool of connections.
        application: Name of your program, or name and version, such as `billing/2.1`, which is
            added to the `User-Agent`.
        idempotency_keys: Whether a POST that may be retried has an `Idempotency-Key`, with which
            the server does it once however often it comes. False for a server that ignores keys, as
            the vendor's: a POST whose response was lost is not repeated then.
        transport: Replaces the network: a transport of httpx, which serves one process and one
            event loop, or a function that makes one.
        clock: The source of time.
        entropy: The source of jitter.

    Raises:
        TypeError: An argument is of a wrong type.
        ValueError: An argument is missing, in the environment too, or is malformed.
    """

    def __init__(
        self,
        project: str | None = None,
        token: str | None = None,
        host: str | None = None,
        request_options: RequestOptions | None = None,
        *,
        verify: ssl.SSLContext | str | os.PathLike[str] | bool = True,
        cert: Certificate | None = None,
        proxy: str | None = None,
        limits: httpx.Limits | None = None,
        application: str | None = None,
        idempotency_keys: bool = True,
        transport: httpx.BaseTransport | Callable[[], httpx.BaseTransport] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        secrets = _Secrets(token, proxy, cert)
        del token, proxy, cert
        endpoint = client_endpoint(
            project,
            secrets.token,
            host,
            request_options,
            verify=verify,
            certificate=secrets.cert,
            proxy=secrets.proxy,
            limits=limits,
            application=application,
            idempotency_keys=idempotency_keys,
        )
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


class AsyncRestClient(_Client[AsyncDriver], is_async=True):
    """The REST API, with methods that are awaited, for asyncio.

    Every event loop has its own connections. Close the client in the loop that used it; connections
    left behind by another loop are dropped.

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
        verify: ssl.SSLContext | str | os.PathLike[str] | bool = True,
        cert: Certificate | None = None,
        proxy: str | None = None,
        limits: httpx.Limits | None = None,
        application: str | None = None,
        idempotency_keys: bool = True,
        transport: httpx.AsyncBaseTransport | Callable[[], httpx.AsyncBaseTransport] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        entropy: Entropy = SYSTEM_ENTROPY,
    ) -> None:
        secrets = _Secrets(token, proxy, cert)
        del token, proxy, cert
        endpoint = client_endpoint(
            project,
            secrets.token,
            host,
            request_options,
            verify=verify,
            certificate=secrets.cert,
            proxy=secrets.proxy,
            limits=limits,
            application=application,
            idempotency_keys=idempotency_keys,
        )
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
