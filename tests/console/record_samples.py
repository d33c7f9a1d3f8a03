"""Subscribers, addresses, rooms and tokens for the pages that show them."""

from typing import Final

import httpx

LONG: Final = "Ⅻ " + "Wolfeschlegelsteinhausenbergerdorff" * 5 + " 🎷🎺🥁"
"""A name without a place to break it."""
RIGHT_TO_LEFT: Final = "\u202eمرحبا <b>العالم</b> 🌍"
"""A name that is written from right to left, and says so to all that follows."""
SCRIPT: Final = "<script>document.title='gone'</script>"
NAMES: Final = (LONG, RIGHT_TO_LEFT, SCRIPT, 'O\'Brien & "Söhne"')
"""Names that must not break a page."""
KEY: Final = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
"""The thumbprint of the example of RFC 7638, section 3.1."""
ALICE: Final = "alice@example.com"


def fill_records(client: httpx.Client, http: str, values: dict[str, str]) -> None:
    """Make records, and set the values of the placeholders of their pages.

    Args:
        client: Authenticates as a project.
        http: The URL of the server.
        values: The values by name.
    """

    def post(path: str, **body: object) -> dict[str, str]:
        answer = client.post(f"{http}{path}", json=body).raise_for_status()
        made: dict[str, str] = answer.json()
        return made

    tokens = "/api/fabric/subscribers/tokens"
    profile = {"first_name": "Alice", "last_name": "Liddell", "job_title": "Reader"}
    values["subscriber"] = post(tokens, reference=ALICE, **profile)["subscriber_id"]
    post(tokens, reference=ALICE, fingerprint=KEY, scope="sat:refresh")
    pair = post(tokens, reference=ALICE)
    refreshed = post(f"{tokens}/refresh", refresh_token=pair["refresh_token"])
    values["session"] = post("/api/satmint/tokens/introspect", token=refreshed["token"])[
        "session_id"
    ]
    for number, name in enumerate(NAMES):
        post(tokens, reference=f"hostile-{number}", display_name=name[:255], company_name=name)
        made = post(
            "/api/satmint/addresses", name=f"sample-{number}", type="app", display_name=name
        )
        post("/api/satmint/c2c-tokens", address_id=made["id"], name=name)
        post("/api/project/tokens", name=name, permissions=["calling", "management", "video"])
        values["address"] = made["id"]
    post(tokens, reference="r" * 255)
    values["room"] = post(
        "/api/fabric/resources/conference_rooms", name="board-room", display_name=LONG[:200]
    )["id"]
    page = post(
        "/api/satmint/c2c-tokens",
        address_id=values["address"],
        name="Front page",
        origins=["https://www.example.com", "https://shop.example.com"],
    )
    values["c2c_token"] = page["id"]
    origin = {"origin": "https://www.example.com"}
    for _ in range(3):
        body = {"token": page["token"]}
        client.post(
            f"{http}/api/fabric/embeds/tokens", json=body, headers=origin
        ).raise_for_status()
    hook = post("/api/satmint/webhooks", url=f"https://hooks.example.invalid/{'alerts' * 30}")
    values["webhook"] = hook["id"]
    client.delete(f"{http}/api/satmint/sessions/{values['session']}").raise_for_status()
    made = post("/api/project/tokens", name=SCRIPT, permissions=["calling"])
    values["api_token"] = made["id"]
    client.patch(
        f"{http}/api/satmint/addresses/{values['address']}", json={"locked": True}
    ).raise_for_status()
