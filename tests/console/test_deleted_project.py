"""A deleted project has no pages, also while its records are still being deleted."""

from satmint.flows.projects import delete_project
from satmint.model.events import Origin
from tests.console.visitor import Visitor
from tests.kit.service import Server


async def test_deleted_project_has_no_pages(server: Server, visitor: Visitor) -> None:
    other = await server.another_tenant("doomed")
    own = f"/console/projects/{other.id}"
    assert (await visitor.get(f"{own}/api-tokens/create")).status_code == 200
    await delete_project(server.services, other.id, Origin("", "cli", ""))
    for path in ("/overview", "/sessions", "/api-tokens/create"):
        assert (await visitor.get(f"{own}{path}")).status_code == 404
    fields: dict[str, str | list[str]] = {"name": "ghost", "permissions": "management"}
    settings = await visitor.get("/console/settings")
    assert settings.status_code == 200
    assert "doomed" not in settings.text
    assert (await visitor.post(f"{own}/api-tokens/create", fields)).status_code == 404
