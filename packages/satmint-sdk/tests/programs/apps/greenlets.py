"""gevent, with everything patched: blocking calls in many greenlets."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import gevent  # noqa: E402 - patching comes first
import httpx  # noqa: E402
from _common import ME, REFERENCE, log_everything  # noqa: E402

from satmint_sdk.rest import RestClient  # noqa: E402

CALLS = 12


def main() -> None:
    with RestClient() as client, httpx.Client() as http:

        def call(number: int) -> int:
            tokens = client.fabric.tokens
            pair = tokens.create_subscriber_token(reference=f"{REFERENCE}-{number}")
            fresh = tokens.refresh_subscriber_token(refresh_token=pair["refresh_token"])
            bearer = {"authorization": f"Bearer {fresh['token']}"}
            return http.get(ME, headers=bearer).status_code

        jobs = [gevent.spawn(call, number) for number in range(CALLS)]
        print(*[job.get() for job in jobs])


if __name__ == "__main__":
    log_everything()
    main()
