"""`satmint webhook`: webhooks, and the messages that were sent to them."""

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
from satmint.flows.webhook_deliveries import list_deliveries, retry_delivery, test_webhook
from satmint.flows.webhooks import (
    create_webhook,
    delete_webhook,
    list_webhooks,
    pause_webhook,
    resume_webhook,
    webhook_of,
)
from satmint.model.deliveries import AttemptResult, DeliveryRecord, DeliveryState
from satmint.model.listing import Window
from satmint.model.times import iso, iso_or_none
from satmint.model.webhooks import PausedBy, Webhook
from satmint.webhooks import Sender

app = group("webhook")

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The id of the webhook.")]


@command(app, "create")
async def create(
    ctx: CommandContext,
    url: Annotated[str, typer.Argument(metavar="URL", help="The https URL to send messages to.")],
    project: ProjectOption = None,
) -> None:
    """Create a webhook for the alerts of a project. The command prints the secret once."""
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
    response took more than two seconds, or `paused`: by an operator, or after a failed delivery.
    """
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        page = await list_webhooks(services.store, chosen.id, Window(limit))
    ctx.report.write_table(
        ("id", "url", "state", "last_error"),
        [_as_dict(webhook) for webhook in page.items],
        none="No webhooks.",
        more=page.more_after,
    )
    for webhook in page.items:
        since = iso(webhook.shown_since)
        if webhook.paused_by is PausedBy.OPERATOR:
            ctx.report.write_line(
                f"{webhook.id}: paused since {since}: `satmint webhook resume {webhook.id}`"
            )
        elif webhook.next_try_at is not None:
            again = iso(webhook.next_try_at)
            ctx.report.write_line(
                f"{webhook.id}: paused since {since}, {webhook.last_error}; next try at {again}"
            )


@command(app, "test")
async def send_test(
    ctx: CommandContext,
    webhook: WebhookId,
    project: ProjectOption = None,
) -> None:
    """Send a signed test message from this machine, once, and show what the endpoint answers."""
    webhook_id = parse_id(webhook, "WEBHOOK")
    async with (
        ctx.services(keyring=True) as services,
        Sender(private=ctx.settings.private_webhooks) as sender,
    ):
        chosen = await resolve_project(services, project)
        result = await test_webhook(services, sender, chosen.id, webhook_id, ctx.origin)
    shown = {"delivered": not result.error, **_result(result)}
    ctx.report.write_json(shown)
    ctx.report.write_properties(shown)
    if result.error:
        ctx.failure = Failure(f"the message did not arrive: {result.error}")


@command(app, "deliveries")
async def deliveries(
    ctx: CommandContext,
    webhook: WebhookId,
    state: Annotated[
        DeliveryState | None, typer.Option(help="Only messages in this state.")
    ] = None,
    limit: Limit = 100,
    project: ProjectOption = None,
) -> None:
    """List the messages to a webhook, newest first: pending, delivered and given up.

    Those that are not pending are listed for seven days, the newest 1,000 of each kind.
    """
    webhook_id = parse_id(webhook, "WEBHOOK")
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        found = await webhook_of(services.store, chosen.id, webhook_id)
        window = Window(limit, descending=True)
        page = await list_deliveries(services.store, chosen.id, webhook_id, state, window)
    rows = [_delivery(one, found) for one in page.items]
    ctx.report.write_table(
        ("id", "kind", "state", "status", "error", "attempts"),
        rows,
        none="No deliveries.",
        more=page.more_after,
    )


@command(app, "retry", changes=True)
async def retry(
    ctx: CommandContext,
    webhook: WebhookId,
    delivery: Annotated[
        str, typer.Argument(metavar="DELIVERY", help="The id of the message: its `webhook-id`.")
    ],
    project: ProjectOption = None,
) -> None:
    """Send a message again, or a pending one now. A server sends it, with the same `webhook-id`."""
    webhook_id, delivery_id = parse_id(webhook, "WEBHOOK"), parse_id(delivery, "DELIVERY")
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        record = await retry_delivery(services, chosen.id, webhook_id, delivery_id)
        found = await webhook_of(services.store, chosen.id, webhook_id)
    ctx.report.write_json(_delivery(record, found))
    waits = found.paused_by is PausedBy.OPERATOR
    ctx.report.write_line(
        f"Message {delivery_id} is sent {'when the webhook is resumed' if waits else 'now'}."
    )


@command(app, "pause", changes=True)
async def pause(ctx: CommandContext, webhook: WebhookId, project: ProjectOption = None) -> None:
    """Send nothing to a webhook until it is resumed. Its messages wait, for three days at most."""
    webhook_id = parse_id(webhook, "WEBHOOK")
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        changed = await pause_webhook(services, chosen.id, webhook_id, ctx.origin)
    _write_change(ctx, changed, f"Paused webhook {webhook_id}.")


@command(app, "resume", changes=True)
async def resume(ctx: CommandContext, webhook: WebhookId, project: ProjectOption = None) -> None:
    """Resume a paused webhook, also one that is paused after failures."""
    webhook_id = parse_id(webhook, "WEBHOOK")
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        changed = await resume_webhook(services, chosen.id, webhook_id, ctx.origin)
    _write_change(ctx, changed, f"Resumed webhook {webhook_id}.")


@command(app, "delete", changes=True)
async def delete(
    ctx: CommandContext,
    webhook: WebhookId,
    project: ProjectOption = None,
) -> None:
    """Delete a webhook and its deliveries."""
    webhook_id = parse_id(webhook, "WEBHOOK")
    async with ctx.services() as services:
        chosen = await resolve_project(services, project)
        await delete_webhook(services, chosen.id, webhook_id, ctx.origin)
    ctx.report.write_json({"id": webhook_id, "deleted": True})
    ctx.report.write_line(f"Deleted webhook {webhook_id}.")


def _write_change(ctx: CommandContext, webhook: Webhook, text: str) -> None:
    ctx.report.write_json(_as_dict(webhook))
    ctx.report.write_line(text)


def _as_dict(webhook: Webhook) -> dict[str, object]:
    return {
        "id": webhook.id,
        "url": webhook.url,
        "created_at": iso(webhook.created_at),
        "state": webhook.shown_state,
        "state_since": iso(webhook.shown_since),
        "paused_by": webhook.paused_by,
        "last_error": webhook.last_error or None,
        "last_error_at": iso_or_none(webhook.last_error_at or None),
        "next_try_at": iso_or_none(webhook.next_try_at),
    }


def _delivery(record: DeliveryRecord, webhook: Webhook) -> dict[str, object]:
    return {
        "id": record.id,
        "state": record.state,
        "kind": record.kind,
        "at": iso(record.at),
        "subscriber_id": record.subscriber,
        "reference": record.reference,
        "attempts": record.attempts,
        "last_attempt_at": iso_or_none(record.attempted_at),
        **_result(record.result),
        "next_attempt_at": iso_or_none(record.due_at(webhook)),
    }


def _result(result: AttemptResult) -> dict[str, object]:
    return {
        "status": result.status,
        "error": result.error or None,
        "latency_ms": result.latency_ms,
        "response": result.response or None,
    }
