"""A development server on a real socket, with a control endpoint and bad days.

    async with a_controlled(tmp_path) as server:
        await server.arm(kind="lose_answer")

As `satmint dev` puts it together; only the machine's clock, which its own is away from, stands
still.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import msgspec

from satmint.assembly import assembled
from satmint.control import Control, control_operations, development_application
from satmint.server import ServerOptions
from satmint.settings import Settings
from tests.kit.clock import FrozenClock
from tests.kit.databases import fresh_file
from tests.kit.listening import listening
from tests.kit.service import BASE_URL, Json, Server, Tenant, a_tenant, said

DEV: Final = "/api/satmint/dev"


@dataclass(slots=True)
class Controlled(Server):
    """See the module; `clock` is the machine's, and `client` speaks over the socket."""

    control: Control
    port: int

    async def dev(self, method: str, path: str = "", body: object = None) -> httpx.Response:
        """The answer of the control endpoint."""
        content = None if body is None else msgspec.json.encode(body)
        return await self.client.request(
            method, f"{DEV}{path}", content=content, auth=self.tenant.auth
        )

    async def arm(self, **members: object) -> Json:
        """A fault, armed."""
        return said(await self.dev("POST", "/faults", members), 201)

    async def move(self, **members: object) -> Json:
        """The clock, moved."""
        return said(await self.dev("POST", "/clock", members), 200)

    async def expire(self, **members: object) -> Json:
        """The tokens of a session, expired."""
        return said(await self.dev("POST", "/expire", members), 200)

    async def state(self) -> Json:
        """Everything that the control endpoint tells."""
        return said(await self.dev("GET"), 200)

    async def calls(self) -> list[tuple[str, int | None, str | None]]:
        """Operation, status and fault of every call that it remembers."""
        seen = (await self.state())["calls"]
        return [(call["operation"], call["status"], call["fault"]) for call in seen]


@asynccontextmanager
async def a_controlled(
    tmp_path: Path, *, tenant: Tenant | None = None, **settings: object
) -> AsyncIterator[Controlled]:
    """A development server with its data in `tmp_path`.

    A second one in the same folder, after the first has ended, is a restart; give it the first
    one's tenant.
    """
    database = tmp_path / "satmint.db"
    given = {
        "database": f"sqlite:///{database}",
        "keyring": str(tmp_path / "keyring.json"),
        **settings,
    }
    if given["database"] == f"sqlite:///{database}":
        fresh_file(database)
    machine = FrozenClock()
    control = Control(machine)
    async with assembled(
        msgspec.convert(given, Settings),
        create_keyring=True,
        clock=control.clock,
        cipher=control.cipher,
    ) as service:
        control.shorten_session = service.gateway.shorten_session
        more = control_operations(control, BASE_URL)
        app = development_application(control, service.app(BASE_URL, extra=more))
        tenant = tenant or await a_tenant(service.services, "demo")
        async with listening(app, ServerOptions(send_date=False)) as port:
            base_url = f"http://127.0.0.1:{port}"
            async with httpx.AsyncClient(base_url=base_url, trust_env=False) as client:
                yield Controlled(
                    service, app, machine, client, tenant, database, control=control, port=port
                )
