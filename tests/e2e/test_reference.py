"""The reference of a real `satmint dev` in a real browser: search, copying, trying operations."""

import json
from typing import Final

import pytest

from tests.kit.chromium import Page
from tests.kit.dev import DevServer

OPERATIONS: Final = (
    "[...document.querySelectorAll('.operations li')]"
    ".filter(one => one.checkVisibility()).map(one => one.id)"
)
CODES: Final = (
    "[...document.querySelectorAll('#codes li')]"
    ".filter(one => one.checkVisibility()).map(one => one.dataset.code)"
)


def find(page: Page, text: str) -> list[str]:
    """Type into the search; returns the operations that are left."""
    page.evaluate(
        f"(() => {{ const input = document.getElementById('search'); input.value = {text!r};"
        " input.dispatchEvent(new Event('input')); })()"
    )
    found: list[str] = page.evaluate(OPERATIONS)
    return found


def send(page: Page, operation: str, **values: str) -> None:
    """Open the form of an operation, fill it in and send it."""
    page.evaluate(
        f"""(() => {{
          const details = document.getElementById({operation!r}).closest("article")
            .querySelector("details.try");
          details.open = true;
          const form = details.querySelector("form");
          for (const [name, value] of Object.entries({json.dumps(values)}))
            form.elements.namedItem(name).value = value;
          form.requestSubmit();
        }})()"""
    )


def answer(page: Page, operation: str) -> list[str]:
    """The status, the headers and the body that the page shows, once it does."""
    article = f"document.getElementById({operation!r}).closest('article')"
    page.until(f"!{article}.querySelector('.answer').hidden")
    parts = f"{article}.querySelectorAll('.answer strong, .answer pre')"
    shown: list[str] = page.evaluate(f"[...{parts}].map(one => one.textContent)")
    return shown


# --- reading -------------------------------------------------------------------------------------


def test_the_contents_stand_beside_the_text_and_lead_into_it(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/management")
    boxes = page.evaluate(
        "['.contents', 'main'].map(name => {"
        "  const box = document.querySelector(name).getBoundingClientRect();"
        "  return [box.left, box.right]; })"
    )
    assert boxes[0][1] < boxes[1][0]
    page.evaluate("document.querySelector('a[href=\"#revoke-token\"]').click()")
    place = page.evaluate("document.getElementById('revoke-token').getBoundingClientRect().top")
    assert 0 <= place < 100
    left = page.evaluate("document.querySelector('.contents').getBoundingClientRect().top")
    assert left == 0


def test_on_a_phone_the_contents_are_the_groups_alone(page: Page, dev: DevServer) -> None:
    page.show(width=390, height=844)
    page.open(dev["http"] + "/reference/management")
    seen = page.evaluate(
        "[...document.querySelectorAll('.contents a')]"
        ".filter(link => link.checkVisibility()).map(link => link.textContent)"
    )
    assert seen[:3] == ["All operations and search", "Tokens", "Client Bound SAT"]
    assert "Revoke a session" not in seen
    assert page.evaluate("document.querySelector('h1').getBoundingClientRect().top") < 400


def test_without_scripts_everything_is_there_to_read(page: Page, dev: DevServer) -> None:
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(dev["http"] + "/reference")
    assert len(page.evaluate(OPERATIONS)) > 60
    assert page.evaluate("document.getElementById('search').checkVisibility()") is False
    page.open(dev["http"] + "/reference/tokens")
    seen = page.evaluate(
        "['pre', '.copy', 'details.try', '#credentials']"
        ".map(name => document.querySelector(name).checkVisibility())"
    )
    assert seen == [True, False, False, False]
    assert page.complaints == []


@pytest.mark.parametrize(
    ("anchor", "place"),
    [
        ("refresh-subscriber-token", "/reference/tokens#refresh-subscriber-token"),
        ("revoke-token-answer", "/reference/management#revoke-token-answer"),
        ("client-bound-sat", "/reference/client-bound-sat#client-bound-sat"),
        ("conventions", "/reference#conventions"),
    ],
)
def test_anchors_of_the_single_page_lead_to_their_place(
    page: Page, dev: DevServer, anchor: str, place: str
) -> None:
    page.open(f"{dev['http']}/reference#{anchor}")
    page.until(f"location.href === {dev['http'] + place!r} && document.readyState === 'complete'")
    page.until(f"document.getElementById({anchor!r}).getBoundingClientRect().top < innerHeight")


def test_document_opens_at_what_a_reference_names(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/openapi.json#/components/schemas/TokenPair")
    schema = "document.getElementById('/components/schemas/TokenPair')"
    page.until(f"{schema}.checkVisibility()")
    assert json.loads(page.evaluate(f"{schema}.textContent"))["type"] == "object"


# --- search --------------------------------------------------------------------------------------


def test_search_finds_operations_paths_fields_and_codes(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference")
    whole = page.evaluate(OPERATIONS)
    assert find(page, "guest token") == ["create-guest-token", "get-stats"]
    assert find(page, "/laml/") == ["get-account", "get-account-alias"]
    assert {"create-subscriber-token", "create-guest-token"} <= set(find(page, "expire_at"))
    assert find(page, "page_token_req") == []
    assert page.evaluate(CODES) == ["page_token_required"]
    assert "list-events" in find(page, "page_token_required")
    assert find(page, "<script>") == []
    assert page.evaluate("document.getElementById('found').textContent").startswith("Nothing found")
    assert find(page, "") == whole
    assert page.evaluate(CODES) == []
    assert page.complaints == []
    assert page.hosts == {dev["http"].partition("://")[2]}


def test_search_is_used_by_keyboard(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/tokens")
    page.call("Input.dispatchKeyEvent", type="keyDown", key="/", text="/")
    page.until("location.pathname === '/reference' && document.activeElement.id === 'search'")
    page.call("Input.insertText", text="create a guest")
    page.until(f"{OPERATIONS}.length === 1")
    page.press("Enter")
    page.until("location.pathname + location.hash === '/reference/tokens#create-guest-token'")


# --- copying -------------------------------------------------------------------------------------


def test_copy_button_copies_its_block(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/tokens")
    context = page.call("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    allowed = ["clipboardReadWrite", "clipboardSanitizedWrite"]
    page.call("Browser.grantPermissions", permissions=allowed, browserContextId=context)
    page.call("Emulation.setFocusEmulationEnabled", enabled=True)
    page.evaluate("document.querySelector('button.copy').click()")
    page.until("document.querySelector('button.copy').textContent === 'Copied'")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.evaluate("document.querySelector('.copyable pre').textContent")
    assert copied.startswith("curl -u ")
    page.until("document.querySelector('button.copy').textContent === 'Copy'")


# --- trying --------------------------------------------------------------------------------------


def test_trying_signs_a_subscriber_in_and_shows_the_answer(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/tokens")
    send(page, "create-subscriber-token")
    status, headers, body = answer(page, "create-subscriber-token")
    assert status == "200 OK"
    assert "cache-control: no-store" in headers
    assert "x-request-id: " in headers
    assert json.loads(body).keys() == {"subscriber_id", "token", "refresh_token"}
    send(
        page,
        "refresh-subscriber-token",
        body=json.dumps({"refresh_token": json.loads(body)["refresh_token"]}),
    )
    assert answer(page, "refresh-subscriber-token")[0] == "201 Created"
    send(page, "create-guest-token")
    assert answer(page, "create-guest-token")[0] == "201 Created"
    assert page.complaints == []
    assert page.hosts == {dev["http"].partition("://")[2]}
    kept = page.evaluate(
        "[localStorage.length, sessionStorage.length, document.cookie, location.search]"
    )
    assert kept == [0, 0, "", ""]
    assert not any(dev["api_token"] in url for url in page.requests)


def test_trying_with_a_sat_first_asks_for_one(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/subscriber")
    send(page, "get-subscriber-info")
    assert page.evaluate("document.activeElement.id") == "sat"
    assert page.evaluate("document.getElementById('credentials').open") is True
    page.evaluate("document.getElementById('sign-in').click()")
    page.until("document.getElementById('sat').value.startsWith('ey')")
    send(page, "get-subscriber-info")
    status, _, body = answer(page, "get-subscriber-info")
    assert (status, json.loads(body)["email"]) == ("200 OK", "alice@example.com")
    assert page.complaints == []


def test_refusal_is_shown_and_the_browser_asks_for_no_password(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/addresses")
    send(page, "list-addresses", credentials="none")
    status, headers, body = answer(page, "list-addresses")
    assert (status, json.loads(body)) == ("401 Unauthorized", {"error": "Unauthorized"})
    assert "www-authenticate: Bearer" in headers


def test_what_ends_something_is_asked_first(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/management")
    send(page, "revoke-project-sessions")
    assert page.evaluate("document.getElementById('ask').open") is True
    assert page.evaluate("document.activeElement.value") == "cancel"
    assert page.evaluate("document.getElementById('ask-request').textContent") == (
        "DELETE /api/satmint/sessions"
    )
    page.press("Enter")
    page.until("document.getElementById('ask').open === false")
    api = dev["http"] + "/api/"
    assert not any(url.startswith(api) for url in page.requests)
    send(page, "revoke-project-sessions")
    page.evaluate("document.querySelector('#ask [value=send]').click()")
    status, *_ = answer(page, "revoke-project-sessions")
    assert status.startswith("20")
    assert [url for url in page.requests if url.startswith(api)] == [f"{api}satmint/sessions"]


def test_path_parameter_cannot_lead_to_another_operation(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/addresses")
    send(page, "get-address", id="..")
    page.until("document.body.innerText.includes('a path parameter is not valid')")
    send(page, "get-address", id="../../satmint/events")
    assert answer(page, "get-address")[0] == "404 Not Found"
    api = dev["http"] + "/api/fabric/addresses/"
    assert all(url.startswith(api) for url in page.requests if "/api/" in url)


def test_control_endpoint_can_be_tried_from_its_own_page(page: Page, dev: DevServer) -> None:
    page.open(dev["http"] + "/reference/dev")
    send(page, "get-dev-state")
    status, _, body = answer(page, "get-dev-state")
    assert (status, json.loads(body)["clock"]["frozen"]) == ("200 OK", False)
    assert page.complaints == []
