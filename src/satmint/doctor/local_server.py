"""Where the server of this machine listens, by the settings. Imports little: `--live` uses it."""

from typing import Final, NamedTuple

from satmint.settings import Settings

_ALL_INTERFACES: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - to compare


class LocalAddress(NamedTuple):
    """An address of this machine."""

    host: str
    port: int
    tls: bool

    @property
    def url(self) -> str:
        """The URL of it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"


def public_listener(settings: Settings) -> LocalAddress:
    """The listener of the API."""
    host = _ALL_INTERFACES.get(settings.host, settings.host)
    return LocalAddress(host, settings.port, settings.tls_cert is not None)


def admin_listener(settings: Settings) -> LocalAddress:
    """The admin listener, which has no TLS."""
    host = _ALL_INTERFACES.get(settings.admin_host, settings.admin_host)
    return LocalAddress(host, settings.admin_port, tls=False)
