"""What `satmint webhook list` tells of endpoints that do not accept their messages."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from satmint.cli.program import run
from satmint.model.times import iso
from tests.kit.clock import NOW
from tests.kit.service import a_service
from tests.webhooks.post import a_post
from tests.webhooks.receiver import receiving


async def fail_and_deliver(folder: Path) -> tuple[str, str]:
    """Have a webhook whose endpoint is gone, and one that is well; returns their ids."""
    async with (
        a_service(folder, private_webhooks=True) as server,
        receiving() as receiver,
        a_post(server) as post,
    ):
        gone = await post.webhook("http://127.0.0.1:1/")
        well = await post.webhook(receiver.url)
        await post.alert()
        assert await post.dispatcher.deliver_due() == 2
        return str(gone.id), str(well.id)


def test_paused_webhook_is_listed_with_its_reason_and_its_next_try(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gone, well = asyncio.run(fail_and_deliver(tmp_path))
    capsys.readouterr()
    command = ["webhook", "list", "--database", f"sqlite:///{tmp_path}/satmint.db"]
    assert run(command) == 0
    shown = capsys.readouterr().out
    assert re.search(rf"^{gone} .* paused +connection_refused *$", shown, re.MULTILINE)
    assert re.search(rf"^{well} .* active +- *$", shown, re.MULTILINE)
    since, again = iso(NOW + 60), iso(NOW + 65)
    line = f"{gone}: paused since {since}, connection_refused; next try at {again}"
    assert "".join(shown.split()).endswith("".join(line.split()))  # it may be folded
    assert run([*command, "--json"]) == 0
    listed = {one["id"]: one for one in json.loads(capsys.readouterr().out)}
    told = {
        name: listed[gone][name]
        for name in ("state", "state_since", "last_error", "last_error_at", "next_try_at")
    }
    assert told == {
        "state": "paused",
        "state_since": since,
        "last_error": "connection_refused",
        "last_error_at": since,
        "next_try_at": again,
    }
    assert (listed[well]["state"], listed[well]["next_try_at"]) == ("active", None)
