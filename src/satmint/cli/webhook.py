"""`satmint webhook`: whom to tell of alerts."""

from typing import Annotated

import typer

from satmint.cli.command import Limit, ProjectOption, Work, command, id_of, project_named
from satmint.cli.plain import group
from satmint.flows.webhooks import create_webhook, delete_webhook, list_webhooks
from satmint.model.listing import Window
from satmint.model.times import iso
from satmint.model.webhooks import Webhook

app = group("webhook")


@command(app, "create")
async def create(
    work: Work,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send messages; https.")],
    project: ProjectOption = None,
) -> None:
    """Have a project's alerts sent to a URL; shows the signing secret once."""
    async with work.mint(keyring=True) as mint:
        chosen = await project_named(mint, project)
        webhook, secret = await create_webhook(mint, chosen.id, url, work.origin)
    work.report.value({**_shown(webhook), "secret": secret.reveal()})
    work.report.facts({"secret": secret.reveal(), "id": webhook.id, "url": webhook.url})
    work.report.line("The secret is shown here and never again.")


@command(app, "list")
async def list_(work: Work, limit: Limit = 100, project: ProjectOption = None) -> None:
    """List webhooks, oldest first, without their secrets."""
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        page = await list_webhooks(mint, chosen.id, Window(limit))
    work.report.rows(
        ("id", "url", "created_at"),
        [_shown(webhook) for webhook in page.items],
        none="There is no webhook.",
        more=page.more_after,
    )


@command(app, "delete")
async def delete(
    work: Work,
    webhook: Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id.")],
    project: ProjectOption = None,
) -> None:
    """Delete a webhook, with what it was still to be told."""
    webhook_id = id_of(webhook, "WEBHOOK")
    async with work.mint() as mint:
        chosen = await project_named(mint, project)
        await delete_webhook(mint, chosen.id, webhook_id, work.origin)
    work.report.value({"id": webhook_id, "deleted": True})
    work.report.line(f"Webhook {webhook_id} is deleted.")


def _shown(webhook: Webhook) -> dict[str, object]:
    return {"id": webhook.id, "url": webhook.url, "created_at": iso(webhook.created_at)}
