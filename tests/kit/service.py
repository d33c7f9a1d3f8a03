"""A whole server in one value.

    async with a_service(tmp_path) as server:
        pair = await server.sign_in("alice@example.com")
        answer = await server.refresh(pair["refresh_token"])

Everything in it is real: the ASGI application, the flows, the keyring, the database file. Only the
clock stands still until it is told to move, and the dice fall the same way in every run.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import msgspec
from starlette.types import ASGIApp

from satmint.assembly import Service, assembled
from satmint.flows.addresses import NewAddress, create_address
from satmint.flows.callers import ApiTokenCaller
from satmint.flows.credentials import NewC2cToken, create_api_token, create_c2c_token
from satmint.flows.service_context import ServiceContext
from satmint.http.operations import HandlerContext
from satmint.model.claims import Claims, TokenType
from satmint.model.events import Event, EventKind, Origin
from satmint.model.listing import Window
from satmint.model.permissions import Permission
from satmint.model.records import Address, AddressType, Project
from satmint.settings import Settings
from tests.kit.clock import FrozenClock
from tests.kit.databases import fresh_file
from tests.kit.entropy import SeededEntropy
from tests.store.tables import Tables, settled, whole_tables

BASE_URL: Final = "http://mint.test"
TOKENS: Final = "/api/fabric/subscribers/tokens"
REFRESH: Final = "/api/fabric/subscribers/tokens/refresh"
INFO: Final = "/api/fabric/subscriber/info"
ORIGIN: Final = Origin(request_id="kit", address="kit", agent="tests")

Json = dict[str, Any]
Rows = Tables


class Bearer(httpx.Auth):
    """`Authorization: Bearer`."""

    def __init__(self, token: str) -> None:
        self.token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self.token}"
        yield request


@dataclass(frozen=True, slots=True)
class Tenant:
    """A project with an API token of every permission and a few addresses."""

    id: UUID
    api_token: str
    addresses: tuple[Address, ...]
    """`support` and `sales`, rooms; `menu`, an app."""

    @property
    def auth(self) -> httpx.BasicAuth:
        """What its backend presents."""
        return httpx.BasicAuth(str(self.id), self.api_token)

    @property
    def caller(self) -> ApiTokenCaller:
        """Its backend, as flows know it once it has been let in."""
        return ApiTokenCaller(self.id, self.id, frozenset(Permission))


@dataclass(slots=True)
class Server:
    """The server, its first tenant, and a client that speaks to it."""

    service: Service
    app: ASGIApp
    clock: FrozenClock
    client: httpx.AsyncClient
    """Presents nothing by itself: give `auth`."""
    tenant: Tenant
    database: Path

    @property
    def services(self) -> ServiceContext:
        """What the flows work with."""
        return self.service.services

    @property
    def context(self) -> HandlerContext:
        """What handlers have at hand."""
        return self.service.app(BASE_URL).context

    async def another_tenant(self, name: str = "other") -> Tenant:
        """One more project, with everything that the first one has."""
        return await a_tenant(self.services, name)

    async def sign_in(self, reference: str = "alice@example.com", **members: object) -> Json:
        """A new session: `subscriber_id`, `token`, `refresh_token`."""
        body = {"reference": reference, **members}
        answer = await self.client.post(TOKENS, json=body, auth=self.tenant.auth)
        return said(answer, 200)

    async def refresh(self, refresh_token: str) -> httpx.Response:
        """The answer to presenting a refresh token."""
        body = {"refresh_token": refresh_token}
        return await self.client.post(REFRESH, json=body, auth=self.tenant.auth)

    async def rotate(self, refresh_token: str) -> Json:
        """The pair for a refresh token that is good."""
        return said(await self.refresh(refresh_token), 201)

    async def info(self, token: str) -> httpx.Response:
        """What the holder of a SAT is told of itself."""
        return await self.client.get(INFO, auth=Bearer(token))

    async def scrape(self) -> str:
        """What the admin listener tells Prometheus."""
        async with _client(self.service.admin_app(BASE_URL), "127.0.0.1") as client:
            answer = await client.get("/metrics")
        assert answer.status_code == 200
        return answer.text

    def claims(self, token: str, typ: TokenType = TokenType.SAT) -> Claims:
        """What a token says, expired or not."""
        return self.services.cipher.open(token, typ).claims

    async def events(self) -> list[EventKind]:
        """What the audit trail of the first tenant tells, oldest first."""
        return [event.kind for event in await self.audit_trail()]

    async def audit_trail(self) -> Sequence[Event]:
        """The audit trail of the first tenant, oldest first."""
        return (await self.services.store.events.list(self.tenant.id, Window(1000))).items

    async def c2c_token(self, address: Address | None = None, *origins: str) -> tuple[UUID, str]:
        """Id and text of a new Click-to-Call token of the first tenant."""
        place = address or self.tenant.addresses[0]
        token, secret = await create_c2c_token(
            self.services, self.tenant.id, NewC2cToken(place.id, "kit", origins), ORIGIN
        )
        return token.id, secret.reveal()

    def client_at(self, address: str) -> httpx.AsyncClient:
        """A client that calls from another IP address."""
        return _client(self.app, address)

    async def settled(self) -> None:
        """Wait until everything that was written without waiting is durable."""
        await settled(self.service.store)

    async def rows(self, *tables: str) -> Rows:
        """All rows of `tables` (of every table by default), to be compared before and after."""
        found = await whole_tables(self.service.store)
        return {name: found[name] for name in tables or sorted(found)}

    async def row_of_session(self, session: UUID) -> Json:
        """A session's row, by column."""
        await self.settled()
        with closing(sqlite3.connect(self.database)) as db:
            db.row_factory = sqlite3.Row
            query = "SELECT * FROM sessions WHERE session_id = ?"
            return dict(db.execute(query, (session.bytes,)).fetchone())


@asynccontextmanager
async def a_service(
    tmp_path: Path,
    *,
    clock: FrozenClock | None = None,
    tenant: Tenant | None = None,
    **settings: object,
) -> AsyncIterator[Server]:
    """A server of its own in `tmp_path`, with whatever `settings` ask for.

    A second one in the same folder, after the first has ended, is a restart: the same keyring, the
    same data. Give it the first one's clock and tenant.
    """
    database = tmp_path / "satmint.db"
    given = {
        "database": f"sqlite:///{database}",
        "keyring": str(tmp_path / "keyring.json"),
        "database_without_fsync": True,  # as the tests' PostgreSQL is
        **settings,
    }
    if given["database"] == f"sqlite:///{database}":
        fresh_file(database)
    clock = clock or FrozenClock()
    async with assembled(
        msgspec.convert(given, Settings),
        create_keyring=True,
        migrating=True,
        clock=clock,
        entropy=SeededEntropy(_seed_of_this_start(tmp_path)),
    ) as service:
        app = service.app(BASE_URL)
        tenant = tenant or await a_tenant(service.services, "demo")
        async with _client(app, "127.0.0.1") as client:
            yield Server(service, app, clock, client, tenant, database)


def _seed_of_this_start(folder: Path) -> str:
    """Another seed after each restart, or ids and salts would come a second time."""
    starts = folder / "starts"
    with starts.open("a") as log:
        log.write("start\n")
    return f"start {starts.stat().st_size}"


async def a_tenant(
    services: ServiceContext, name: str, permissions: Iterable[Permission] = Permission
) -> Tenant:
    """A new project with an API token and three addresses."""
    project = Project(services.new_id(), name, services.clock.now())
    await services.store.projects.create(project)
    wanted = (
        NewAddress("support", AddressType.ROOM),
        NewAddress("sales", AddressType.ROOM),
        NewAddress("menu", AddressType.APP),
    )
    (_, secret), addresses = await asyncio.gather(
        create_api_token(services, project.id, "kit", frozenset(permissions), ORIGIN),
        asyncio.gather(*(create_address(services, project.id, address) for address in wanted)),
    )
    return Tenant(project.id, secret.reveal(), tuple(addresses))


def said(answer: httpx.Response, status: int) -> Json:
    """The JSON object of an answer of that status."""
    assert answer.status_code == status, (answer.status_code, answer.text)
    body = answer.json()
    assert isinstance(body, dict), body
    return body


def _client(app: ASGIApp, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, client=(address, 40_000))
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)
