"""How connections are made: certificates, proxy, pool, or a transport of the caller's."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from satmint_sdk._secrets import Secret, SecretText
from satmint_sdk.rest._proxy import environment_proxy, given_proxy

if TYPE_CHECKING:
    import ssl

    import httpx

Certificate = str | tuple[str, str] | tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Connection:
    """What a client was told about its connections.

    Attributes:
        verify: Which certificates of servers are trusted: those of a context, of a PEM file or of a
            directory; `True` for the environment's and else the public ones, `False` for all.
        certificate: PEM file of the client's own certificate, with file and password of its key.
        proxy: The proxy to use; `None` for none.
        limits: Size of the pool.
    """

    verify: ssl.SSLContext | str | bool = True
    certificate: Secret[Certificate] | None = None
    proxy: SecretText | None = None
    limits: httpx.Limits | None = None

    def ssl_context(self) -> ssl.SSLContext:
        """The context for connections to the server. Reads files, and takes tens of milliseconds.

        Raises:
            OSError: A file cannot be read, or contains no certificate; `ssl.SSLError` is one.
        """
        import ssl

        import httpx

        context = self.verify
        if isinstance(context, str):
            given, is_directory = context, Path(context).is_dir()
            context = ssl.create_default_context(
                cafile=None if is_directory else given, capath=given if is_directory else None
            )
        elif isinstance(context, bool):
            context = httpx.create_ssl_context(verify=context, trust_env=False)
        if self.certificate is not None:
            _load_certificate(context, self.certificate)
        return context


def _load_certificate(context: ssl.SSLContext, certificate: Secret[Certificate]) -> None:
    given = certificate.reveal()
    context.load_cert_chain(*((given,) if isinstance(given, str) else given))


_BUNDLES: Final = ("SIGNALWIRE_REST_CA_FILE", "SSL_CERT_FILE")
_DIRECTORY: Final = "SSL_CERT_DIR"


def trusted(
    verify: ssl.SSLContext | str | os.PathLike[str] | bool,  # noqa: FBT001 - as in the client
    environ: Mapping[str, str],
) -> ssl.SSLContext | str | bool:
    """Complete `verify` from the environment, and see that its file exists.

    An argument other than `True` goes before `SIGNALWIRE_REST_CA_FILE`, that before `SSL_CERT_FILE`
    and `SSL_CERT_DIR`, and those before the public roots.

    Raises:
        TypeError: `verify` is of another type.
        ValueError: The file or directory does not exist; the text names the argument or variable.
    """
    if isinstance(verify, (str, os.PathLike)):
        if not Path(verify).exists():
            raise ValueError("verify does not name a file or a directory")
        return str(verify)
    if verify is not True:
        if verify is not False and not hasattr(verify, "wrap_socket"):
            raise TypeError("verify must be an ssl.SSLContext, a path, or a boolean")
        return verify
    for name in _BUNDLES:
        if environ.get(name):
            if not Path(environ[name]).is_file():
                raise ValueError(f"{name} does not name a file")
            return environ[name]
    directory = environ.get(_DIRECTORY)
    if directory and not Path(directory).is_dir():
        raise ValueError(f"{_DIRECTORY} does not name a directory")
    return directory or True


def connection_of(
    authority: str,
    environ: Mapping[str, str],
    *,
    in_clear: bool,
    loopback: bool,
    verify: ssl.SSLContext | str | os.PathLike[str] | bool = True,
    certificate: Secret[Certificate] | None = None,
    proxy: SecretText | None = None,
    limits: httpx.Limits | None = None,
) -> Connection:
    """Complete the arguments of a client from the environment.

    Args:
        authority: The server's host, with or without port.
        environ: The environment's variables.
        in_clear: Whether the server is spoken to over http.
        loopback: Whether it is this machine: a proxy of the environment is not for it.
        verify: See `Connection`.
        certificate: See `Connection`.
        proxy: URL of a proxy; from the environment if absent.
        limits: See `Connection`.

    Raises:
        ValueError: A file does not exist, or a proxy is not one.
    """
    if proxy is not None:
        chosen: SecretText | None = given_proxy(proxy.reveal(), "proxy")
    else:
        chosen = None if loopback else environment_proxy(authority, environ)
    return Connection(
        verify=verify if in_clear and isinstance(verify, bool) else trusted(verify, environ),
        certificate=certificate,
        proxy=chosen,
        limits=limits,
    )
