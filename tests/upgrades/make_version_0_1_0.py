"""Makes the databases of `version_0_1_0`, in a checkout of that version.

    git worktree add ../version-0.1.0 49b9204
    cp -r tests/upgrades ../version-0.1.0/tests/
    cd ../version-0.1.0 && make setup && .venv/bin/python -m tests.upgrades.make_version_0_1_0

Time stands still at `NOW`. What is made: `satmint.db` (SQLite), `satmint.sql` (PostgreSQL, by
pg_dump), the keyring of both, and for each of them the tokens that its users hold.
"""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from satmint.flows.webhooks import create_webhook
from tests.kit.clock import NOW
from tests.kit.devices import Browser, a_browser
from tests.kit.postgres import the_server
from tests.kit.service import ORIGIN, Bearer, Server, a_service, said

FOLDER: Final = Path(__file__).parent / "version_0_1_0"
GUESTS: Final = "/api/fabric/guests/tokens"
INVITES: Final = "/api/fabric/subscriber/invites"
EMBEDS: Final = "/api/fabric/embeds/tokens"
SUBSCRIBERS: Final = "/api/fabric/resources/subscribers"
EXPIRE_AT: Final = NOW + 20 * 365 * 86_400

REFERENCES: Final = (
    # References that are equal, oldest first.
    *("Bob@Example.com", "bob@example.com"),
    *("IVY@example.com", "Ivy@example.com"),
    *("Rene\u0301", "Ren\u00e9"),
    *("dave\n", "dave"),
    # References that nobody may have any more, of which a rest is left.
    *("gina\u200b", "\u202ehal"),
    # References of which nothing is left.
    "\u200b",
    # References as they may be.
    *("Carl@Example.com", "Ünal", "+15550100", "user 7"),
)

Json = dict[str, Any]


async def users(server: Server) -> Json:
    """Sign in subscribers of all kinds; what each of them holds, by reference."""
    held = {}
    for reference in REFERENCES:
        server.clock.advance(1)  # the order is that of their age
        held[reference] = await server.sign_in(reference, expire_at=EXPIRE_AT)
    named = {
        "nina@example.com": {"display_name": "Nina N."},
        "otto@example.com": {"first_name": "Otto", "last_name": "Ott"},
        "pia@example.com": {"display_name": "pia@example.com"},
        "quin@example.com": {},
        "ruth@example.com": {},
    }
    for reference, members in named.items():
        held[reference] = await server.sign_in(reference, expire_at=EXPIRE_AT, **members)
    await change(server, held["quin@example.com"], {"display_name": "Quin Q."})
    by_hand = (await own_address(server, held["ruth@example.com"]))["id"]
    said(
        await server.client.patch(
            f"/api/satmint/addresses/{by_hand}",
            json={"display_name": "Reception"},
            auth=server.tenant.auth,
        ),
        200,
    )
    # E-mail addresses that are equal, and one of somebody who has not signed in yet.
    for reference, email in (
        *(("kim", "Kim@Example.com"), ("lee", "kim@example.com")),
        ("sam", "frank@example.com"),
    ):
        server.clock.advance(1)
        held[reference] = await server.sign_in(reference, expire_at=EXPIRE_AT)
        await change(server, held[reference], {"email": email})
    return held


async def change(server: Server, held: Json, members: Json) -> None:
    path = f"{SUBSCRIBERS}/{held['subscriber_id']}"
    said(await server.client.put(path, json=members, auth=server.tenant.auth), 200)


async def own_address(server: Server, held: Json) -> Json:
    info = said(await server.info(held["token"]), 200)
    own: Json = info["fabric_addresses"][0]
    return own


async def tokens(server: Server) -> Json:
    """Everything that is held."""
    client, auth = server.client, server.tenant.auth
    subscribers = await users(server)
    alice = await server.sign_in(expire_at=EXPIRE_AT, scope=["sat:refresh"], region="us-central")
    spent = await server.sign_in("refreshed@example.com", expire_at=EXPIRE_AT)
    refreshed = await server.rotate(spent["refresh_token"])
    said(await server.info(refreshed["token"]), 200)
    revoked = await server.sign_in("revoked@example.com", expire_at=EXPIRE_AT)
    session = server.claims(revoked["token"]).sid
    await client.delete(f"/api/satmint/sessions/{session}", auth=auth)
    places = [str(address.id) for address in server.tenant.addresses[:2]]
    guest = said(
        await client.post(
            GUESTS, json={"allowed_addresses": places, "expire_at": EXPIRE_AT}, auth=auth
        ),
        201,
    )
    own = await own_address(server, alice)
    asked = {"address_id": own["id"], "expires_at": EXPIRE_AT}
    invite = said(await client.post(INVITES, json=asked, auth=Bearer(alice["token"])), 201)
    _, c2c = await server.c2c_token()
    embed = said(await client.post(EMBEDS, json={"token": c2c}), 201)
    bound = await a_browser(server, "bound@example.com")
    activated = said(await bound.activate(), 201)
    other = await server.another_tenant()
    await create_webhook(server.services, other.id, "https://example.com/hook", ORIGIN)
    return {
        "project": str(server.tenant.id),
        "api_token": server.tenant.api_token,
        "other_project": str(other.id),
        "other_api_token": other.api_token,
        "addresses": places,
        "alice": alice,
        "alices_address": own["id"],
        "subscribers": subscribers,
        "spent": spent,
        "refreshed": refreshed,
        "revoked": revoked,
        "guest": guest,
        "invite": invite["token"],
        "c2c": c2c,
        "embed": embed["token"],
        "bound": {
            "pair": bound.pair,
            "client_bound_sat": activated["token"],
            "key": private_key(bound),
        },
        "made_until": server.clock.now(),
    }


def private_key(browser: Browser) -> str:
    pem = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    return browser.signer.private.private_bytes(*pem).decode()


async def make(folder: Path, kind: str, **settings: Any) -> None:  # noqa: ANN401 - as they are
    """Fill a database, and write down what its users hold."""
    async with a_service(folder, **settings) as server:
        held = await tokens(server)
        await server.settled()
    text = json.dumps(held, indent=1, sort_keys=True) + "\n"
    (FOLDER / f"{kind}.json").write_text(text)


def main() -> None:
    """Make everything anew."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        asyncio.run(make(folder, "sqlite"))
        (FOLDER / "satmint.db").unlink(missing_ok=True)
        with closing(sqlite3.connect(folder / "satmint.db")) as db:
            db.execute("VACUUM INTO ?", (str(FOLDER / "satmint.db"),))
        url = the_server().new_database(template="template0")
        asyncio.run(make(folder, "postgres", database=url))
        shutil.copy(folder / "keyring.json", FOLDER / "keyring.json")
    pg_dump = the_server().programs / "pg_dump"
    options = ["--inserts", "--no-owner", "--no-comments"]
    done = subprocess.run([pg_dump, *options, url], check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    kept = [line for line in lines if line and not line.startswith(("--", "SET", "SELECT", "\\"))]
    (FOLDER / "satmint.sql").write_text("\n".join(kept) + "\n")


if __name__ == "__main__":
    main()
