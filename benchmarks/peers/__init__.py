"""Other token servers, beside which satmint is measured: each in a folder of its own.

An app here is ours and short; everything that counts in it is the library's, set up the way its
documentation says for production, with refresh tokens that can be used once. It is installed on
first use, out of the lock in its folder.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.database import DURABLE, postgres
from benchmarks.peers.installing import installed_with_npm, installed_with_pip
from benchmarks.processes import server
from benchmarks.running import Route, Running, Start, Supply, basic

_HERE: Final = Path(__file__).resolve().parent
_AUTHORIZATION: Final = basic("bench", "bench-secret-of-some-length-0123456789")
_FORM: Final = "application/x-www-form-urlencoded"
_IN_MEMORY: Final = "none: in memory"

# JSON as node and as Python write it.
_NODE: Final = ('"access_token":"', '"refresh_token":"')
_PYTHON: Final = ('"access_token": "', '"refresh_token": "')


def _oauth(before: str, after: str, markers: tuple[str, ...]) -> Mapping[str, Route]:
    """The two operations at an OAuth token endpoint; what stands around a reference in «issue»."""
    refresh = "grant_type=refresh_token&refresh_token="
    return {
        "issue": Route("/token", 200, before, after, markers, content_type=_FORM),
        "refresh": Route(
            "/token", 200, refresh, "", markers, content_type=_FORM, supply=Supply.CHAIN
        ),
    }


@dataclass(frozen=True, slots=True)
class _Peer:
    folder: str
    name: str
    routes: Mapping[str, Route]
    durable: bool

    @contextmanager
    def __call__(self, place: Path) -> Iterator[Running]:
        """See `Start`."""
        source = _HERE / self.folder
        with ExitStack() as started:
            environment: Mapping[str, str] = {}
            database: dict[str, int] = {}
            command = self._command(source)
            if self.durable:
                cluster = started.enter_context(postgres(place))
                environment = cluster.environment(cluster.new_database())
                database = {"database": cluster.pid}
            process = started.enter_context(server(command, place, environment))
            yield Running(
                self.name,
                process.port,
                _AUTHORIZATION,
                {"server": process.pid, **database},
                DURABLE if self.durable else _IN_MEMORY,
                self.routes,
                process.start_seconds,
            )

    def _command(self, source: Path) -> list[str]:
        if (source / "package.json").exists():
            app = installed_with_npm(source) / "server.mjs"
            return ["node", str(app), "postgres" if self.durable else "memory"]
        python = installed_with_pip(source)
        settings = str(source / "gunicorn_settings.py")
        gunicorn = [str(python), "-m", "gunicorn", "--chdir", str(source)]
        return [*gunicorn, "--config", settings, "app:app"]


_OIDC_PROVIDER: Final = _oauth("grant_type=sign-in&reference=", "", _NODE)
_NODE_OAUTH2: Final = _oauth("grant_type=password&username=", "&password=x", _NODE)
_AUTHLIB: Final = _oauth("grant_type=password&username=", "&password=x", _PYTHON)

PEERS: Final[Mapping[str, Start]] = {
    "oidc-provider": _Peer(
        "oidc_provider", "oidc-provider, in memory", _OIDC_PROVIDER, durable=False
    ),
    "oidc-provider-postgres": _Peer(
        "oidc_provider", "oidc-provider, PostgreSQL", _OIDC_PROVIDER, durable=True
    ),
    "node-oauth2": _Peer(
        "node_oauth2_server", "@node-oauth/oauth2-server, in memory", _NODE_OAUTH2, durable=False
    ),
    "node-oauth2-postgres": _Peer(
        "node_oauth2_server", "@node-oauth/oauth2-server, PostgreSQL", _NODE_OAUTH2, durable=True
    ),
    "authlib-postgres": _Peer("authlib", "Authlib on gunicorn, PostgreSQL", _AUTHLIB, durable=True),
}
"""Peers by the name that the command line knows them by."""
