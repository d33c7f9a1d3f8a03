"""The master keys: states, age, what each still decrypts; prepare, rotate, retire."""

from dataclasses import dataclass
from typing import Final

from satmint.console.context import ConsoleContext
from satmint.console.keyring import KeyEntry, KeyringChangeFailed, KeyTokens
from satmint.console.page import (
    Action,
    Answer,
    Confirmation,
    NavigationItem,
    Page,
    Redirect,
    Section,
    View,
    confirmation,
)
from satmint.console.request import ROOT, ConsoleRequest
from satmint.console.times import exact_time
from satmint.model.refusals import NotFound

_PATH: Final = "/keys"
_URL: Final = f"{ROOT}{_PATH}"
_STATES: Final = {
    "next": ("prepared", "info"),
    "active": ("active", "good"),
    "retired": ("retired", ""),
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A key in the table."""

    key: KeyEntry
    state: str
    tone: str
    duty: str


async def _show(context: ConsoleContext, request: ConsoleRequest) -> View:  # noqa: ARG001 - a handler
    keyring = context.keyring
    problem, entries = "", []
    try:
        entries = [*await keyring.entries()]
    except KeyringChangeFailed as failed:
        problem = str(failed)
    data = {
        "rows": [_Row(key, *_STATES[key.state], _duty(key, keyring.uses)) for key in entries],
        "prepared": next((key for key in entries if key.state == "next"), None),
        "place": keyring.place,
        "is_writable": keyring.is_writable and not problem,
        "problem": problem,
    }
    return View("keys.html", data)


def _duty(key: KeyEntry, uses: int) -> str:
    if key.state == "next":
        return "Decrypts; encrypts nothing until it is activated."
    if key.state == "active":
        return (
            "Encrypts all new tokens, webhook secrets and console sessions, and decrypts them."
            f" This process has encrypted {uses:,} tokens with its working key."
        )
    if key.retired_at is None:
        return "Decrypts what it has encrypted."
    return f"Decrypts what it encrypted until {exact_time(key.retired_at)}."


async def _ask_prepare(context: ConsoleContext, request: ConsoleRequest) -> View:  # noqa: ARG001 - a handler
    return confirmation(
        Confirmation(
            title="Prepare a key",
            text="A new key will be added to the keyring. Servers will decrypt with it, and encrypt"
            " nothing, until you activate it.",
            points=(
                "With several servers, copy the keyring to each of them before you activate it.",
                "Every process loads the changed keyring within a minute.",
            ),
            button="Prepare a key",
            cancel=_URL,
            dangerous=False,
        )
    )


async def _prepare(context: ConsoleContext, request: ConsoleRequest) -> Answer:  # noqa: ARG001 - a handler
    try:
        key = await context.keyring.prepare()
    except KeyringChangeFailed as failed:
        return _failed(failed)
    return Redirect(_URL, f"Key {key} is prepared. Activate it when every server has loaded it.")


async def _ask_rotate(context: ConsoleContext, request: ConsoleRequest) -> View:  # noqa: ARG001 - a handler
    try:
        entries = await context.keyring.entries()
    except KeyringChangeFailed:
        entries = ()
    prepared = next((key.id for key in entries if key.state == "next"), None)
    active = next((key.id for key in entries if key.state == "active"), "")
    if prepared is None:
        text = f"A new key will be created and will encrypt all new tokens, instead of {active}."
        hint = "No key is prepared: a server that has not loaded the new keyring yet refuses tokens"
        points = [f"{hint} of the new key, for up to a minute. Prepare a key first to avoid that."]
    else:
        text = f"The prepared key {prepared} will encrypt all new tokens, instead of {active}."
        points = ["Every server must have loaded the keyring with the prepared key."]
    return confirmation(
        Confirmation(
            title="Rotate the keys",
            text=text,
            points=(*points, "No token ends: the former key still decrypts what it has encrypted."),
            button="Rotate the keys",
            cancel=_URL,
            dangerous=False,
        )
    )


async def _rotate(context: ConsoleContext, request: ConsoleRequest) -> Answer:
    try:
        key = await context.keyring.rotate(request.origin)
    except KeyringChangeFailed as failed:
        return _failed(failed)
    return Redirect(_URL, f"Key {key} is active. Every process uses it within a minute.")


async def _ask_retire(context: ConsoleContext, request: ConsoleRequest) -> View:
    key = await _key(context, request.params["key"])
    use = KeyTokens(0, 0) if key.state == "next" else await context.keyring.tokens_of(key)
    points = [
        "Secrets of webhooks, sealed with this key, can no longer be used: create these anew.",
        "Console sessions that this key has sealed end.",
        "This cannot be undone, unless you have a copy of the keyring.",
    ]
    return confirmation(
        Confirmation(
            title=f"Retire key {key.id}",
            text=_ending(key, use),
            points=points if key.state != "next" else points[-1:],
            button="Retire the key",
            cancel=_URL,
            typed=None if use is not None and use.until == 0 else key.id,
        )
    )


def _ending(key: KeyEntry, use: KeyTokens | None) -> str:
    if key.state == "next":
        return "The key will be removed from the keyring. It has encrypted nothing."
    if use is None:
        return (
            "The key will be removed from the keyring, and every token that it has encrypted will"
            " stop working at once. Counting them takes a while: reload this page for the number."
        )
    if use.until == 0:
        return (
            "The key will be removed from the keyring. All tokens that it encrypted have expired."
        )
    sessions = f"{use.sessions:,} session{'' if use.sessions == 1 else 's'}"
    return (
        f"The key will be removed from the keyring, and up to {sessions} will end at once: their"
        f" users sign in again. The last of these tokens would expire at {exact_time(use.until)}."
    )


async def _retire(context: ConsoleContext, request: ConsoleRequest) -> Answer:
    key = await _key(context, request.params["key"])
    use = KeyTokens(0, 0) if key.state == "next" else await context.keyring.tokens_of(key)
    if (use is None or use.until) and request.text("typed") != key.id:
        return Redirect(request.path, "Type the id of the key to confirm.", "bad")
    try:
        await context.keyring.retire(key.id, request.origin)
    except KeyringChangeFailed as failed:
        return _failed(failed)
    return Redirect(_URL, f"Key {key.id} is retired.")


async def _key(context: ConsoleContext, key: str) -> KeyEntry:
    """A key that can be retired.

    Raises:
        NotFound: there is none, or it is active.
    """
    try:
        entries = await context.keyring.entries()
    except KeyringChangeFailed as failed:
        raise NotFound("keyring") from failed
    found = next((entry for entry in entries if entry.id == key), None)
    if found is None or found.state == "active":
        raise NotFound("key")
    return found


def _failed(failed: KeyringChangeFailed) -> Redirect:
    text = str(failed)
    return Redirect(_URL, f"Not done: {text}.", "bad")


PAGE: Final = Page(
    path=_PATH,
    title="Keys",
    show=_show,
    navigation=NavigationItem(Section.DEPLOYMENT, 30, "keys"),
    actions=(
        Action("prepare", _prepare, _ask_prepare),
        Action("rotate", _rotate, _ask_rotate),
        Action("{key}/retire", _retire, _ask_retire),
    ),
)
