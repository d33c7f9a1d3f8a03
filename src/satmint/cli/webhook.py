"""`satmint webhook`: create, list and delete webhooks."""

from collections.abc import Awaitable
from typing import Annotated

import typer

from satmint.cli.command import (
    CommandContext,
    Limit,
    ProjectOption,
    command,
    parse_id,
    resolve_project,
)
from satmint.cli.plain import group
from satmint.cli.report import Failure
from satmint.flows.webhooks import create_webhook, delete_webhook, list_webhooks
from satmint.model.listing import Window
from satmint.model.times import iso, iso_or_none
from satmint.model.webhooks import Webhook

app = group("webhook")


@command(app, "create")
async def create(
    ctx: CommandContext,
    url: Annotated[str, typer.Argument(metavar="URL", help="The https URL to send messages to.")],
    project: ProjectOption = None,
) -> None:
    """Create a webhook for the alerts of a project. The command prints the secret once."""
    if url.startswith("http:") and not ctx.settings.private_webhooks:
        raise Failure(
            "webhooks must use https: for http and private networks, set"
            " SATMINT_PRIVATE_WEBHOOKS=true for this command and for the servers"
        )
    async with ctx.services(keyring=True) as services:
        chosen = await resolve_project(services, project)
        webhook, secret = await create_webhook(services, chosen.id, url, ctx.origin)

        def write() -> None:
            ctx.report.write_json({**_as_dict(webhook), "secret": secret.reveal()})
            ctx.report.write_properties(
                {"secret": secret.reveal(), "id": webhook.id, "url": webhook.url}
            )
            ctx.report.write_line("Store the secret now: it cannot be shown again.")

        def undo() -> Awaitable[object]:
            return delete_webhook(services, chosen.id, webhook.id, ctx.origin)

        await ctx.hand_over(
            write, undo, made=f"webhook {webhook.id}", undone="the webhook was deleted again"
        )


@command(app, "list")
async def list_(ctx: CommandContext, limit: Limit = 100, project: ProjectOption = None) -> None:
    """List webhooks, oldest first, without their secrets.

    The state of a webhook is `new` before the first delivery, then `active`, `slow` if the last
    response took more than two seconds, or `paused` after a failed delivery.
    """
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        page = await list_webhooks(services.store, chosen.id, Window(limit))
    ctx.report.write_table(
        ("id", "url", "state"),
        [_as_dict(webhook) for webhook in page.items],
        none="No webhooks.",
        more=page.more_after,
    )
    for webhook in page.items:
        if webhook.next_try_at is not None:
            since, again = iso(webhook.state_since), iso(webhook.next_try_at)
            ctx.report.write_line(
                f"{webhook.id}: paused since {since}, {webhook.last_error}; next try at {again}"
            )


@command(app, "delete", changes=True)
async def delete(
    ctx: CommandContext,
    webhook: Annotated[str, typer.Argument(metavar="WEBHOOK", help="The id of the webhook.")],
    project: ProjectOption = None,
) -> None:
    """Delete a webhook and its pending deliveries."""
    webhook_id = parse_id(webhook, "WEBHOOK")
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        await delete_webhook(services, chosen.id, webhook_id, ctx.origin)
    ctx.report.write_json({"id": webhook_id, "deleted": True})
    ctx.report.write_line(f"Deleted webhook {webhook_id}.")


def _as_dict(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "created_at": iso(webhook.created_at),
        "state": webhook.state,
        "state_since": iso(webhook.state_since or webhook.created_at),
        "last_error": webhook.last_error or None,
        "last_error_at": iso_or_none(webhook.last_error_at or None),
        "next_try_at": iso_or_none(webhook.next_try_at),
    }
