"""The HTML pages: true, complete, escaped, and silent where they must be."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urldefrag

import httpx
import pytest
from jinja2 import UndefinedError

from satmint.http.call import Call
from satmint.http.explanations import EXPLANATIONS
from satmint.http.operations import BodyHandler, HandlerContext
from satmint.http.pages.errors import ErrorPage, ErrorsPage, NoSuchErrorPage, example_answer
from satmint.http.pages.failure import FailurePage
from satmint.http.pages.openapi_page import OpenApiPage
from satmint.http.pages.reference import ReferenceGroupPage, ReferenceIndexPage
from satmint.http.pages.rendering import Page, breakable, inline_code, render
from satmint.http.pages.start import StartPage
from satmint.http.pages.try_page import TryPage
from satmint.http.resources import OPERATIONS, pages, reference
from satmint.http.statuses import STATUS
from satmint.model.events import Origin
from satmint.model.refusals import Code
from tests.kit.pages import LOOPBACK, Document, a_demo, at
from tests.kit.service import BASE_URL, REFRESH, TOKENS, Server, said

PAGES: Final[tuple[type[Page], ...]] = (
    StartPage,
    ErrorsPage,
    ErrorPage,
    NoSuchErrorPage,
    FailurePage,
    OpenApiPage,
    ReferenceIndexPage,
    ReferenceGroupPage,
    TryPage,
)
SAMPLES: Final = [
    pytest.param(page, id=f"{kind.__name__} {name}")
    for kind in PAGES
    for name, page in kind.samples().items()
]
SCRIPTED: Final = (TryPage, ReferenceIndexPage, ReferenceGroupPage)
STILL: Final = [sample for sample in SAMPLES if not isinstance(sample.values[0], SCRIPTED)]
HOSTILE: Final = [pytest.param(kind.samples()["hostile"], id=kind.__name__) for kind in PAGES]
EMBEDS: Final = "/api/fabric/embeds/tokens"
GUESTS: Final = "/api/fabric/guests/tokens"
API_TOKENS: Final = "/api/project/tokens"


async def every_page(client: httpx.AsyncClient) -> dict[str, str]:
    """The HTML of all pages, by path."""
    index = Document((await client.get("/reference")).text)
    groups = {urldefrag(link).url for link in index.all("href", "a")} - {"/", "", "/openapi.json"}
    paths = ["/", "/openapi.json", "/reference", "/errors", *(f"/errors/{code}" for code in Code)]
    paths += [path for path in groups if path.startswith("/reference/")]
    found = {}
    for path in paths:
        answer = await client.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 200, path
        found[path] = answer.text
    return found


# --- every page --------------------------------------------------------------------------------


@pytest.mark.parametrize("page", SAMPLES)
def test_every_sample_is_a_document_that_a_browser_reads_as_it_is_meant(page: Page) -> None:
    html = render(page)
    document = Document(html)
    tags = [tag for tag, _ in document.elements]
    assert html.startswith('<!doctype html>\n<html lang="en">')
    for only in ("title", "main", "h1", "style", "header", "footer"):
        assert tags.count(only) == 1, only
    ids = document.all("id")
    assert len(ids) == len(set(ids))
    assert set(document.all("aria-labelledby")) <= set(ids)
    assert "width=device-width, initial-scale=1" in document.all("content", "meta")


@pytest.mark.parametrize("page", STILL)
def test_page_without_scripts_runs_loads_or_sends_nothing(page: Page) -> None:
    document = Document(render(page))
    tags = {tag for tag, _ in document.elements}
    assert not tags & {"script", "iframe", "form", "img", "object", "embed", "base", "audio"}
    names = {name for _, attributes in document.elements for name in attributes}
    assert not {name for name in names if name.startswith("on") or name in {"style", "src"}}
    assert all(link.startswith(("/", "#")) for link in document.all("href", "a"))
    icons = document.all("href", "link")
    assert len(icons) == 1
    assert icons[0].startswith("data:image/svg+xml,")


@pytest.mark.parametrize("page", HOSTILE)
def test_hostile_text_is_shown_and_not_obeyed(page: Page) -> None:
    html = render(page)
    allowed = re.findall('<script type="module" src="/[a-z/]+[.]js"></script>', html)
    assert html.count("<script") == len(allowed)
    assert "&lt;script&gt;" in html


def test_a_template_that_asks_for_what_is_not_there_fails() -> None:
    class Short(StartPage):
        template = "error.html"

    with pytest.raises(UndefinedError):
        render(Short(BASE_URL))


def test_every_template_belongs_to_a_page() -> None:
    folder = Path(pages.__file__).parent.parent / "pages" / "templates"
    files = {file.name for file in folder.iterdir()}
    shared = {name for name in files if name.startswith("_")} | {"base.html"}
    assert files == {kind.template for kind in PAGES} | shared


def test_backticks_mark_code_in_text_that_is_escaped_all_the_same() -> None:
    assert inline_code("a `b<c` d") == "a <code>b&lt;c</code> d"
    assert inline_code("`<script>`") == "<code>&lt;script&gt;</code>"
    assert inline_code("one ` alone & more") == "one ` alone &amp; more"


def test_a_path_may_break_after_each_slash_and_underscore() -> None:
    assert breakable("/a/b_c") == "/<wbr>a/<wbr>b_<wbr>c"
    assert breakable("/<b>/c") == "/&lt;b&gt;/<wbr>c"


async def test_pages_carry_headers_that_allow_next_to_nothing(server: Server) -> None:
    for path in ("/", "/errors", "/errors/token_expired", "/errors/none"):
        answer = await server.client.get(path)
        style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        assert style is not None
        digest = b64encode(sha256(style[1].encode()).digest()).decode()
        headers = dict(answer.headers)
        del headers["x-request-id"]
        assert headers == {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": (
                f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
                " form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
            ),
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "same-origin",
            "content-length": str(len(answer.content)),
        }


async def test_every_link_leads_somewhere(server: Server) -> None:
    found = await every_page(server.client)
    documents = {path: Document(html) for path, html in found.items()}
    for path, document in documents.items():
        for link in document.all("href", "a"):
            place, fragment = urldefrag(link)
            target = place or path
            if target not in documents:
                answer = await server.client.get(target)
                assert (answer.status_code, fragment) == (200, ""), (path, link)
            elif fragment:
                assert fragment in documents[target].all("id"), (path, link)


async def test_pages_are_for_reading(server: Server) -> None:
    for path in ("/", "/reference", "/reference/tokens", "/errors", "/errors/token_expired"):
        answer = await server.client.post(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        head = await server.client.head(path)
        assert (head.status_code, head.content) == (200, b"")


async def test_reference_and_errors_are_rendered_once(server: Server) -> None:
    openapi = (await server.client.get("/openapi.json")).content
    context = HandlerContext(
        server.services,
        server.context.callers,
        server.context.metrics,
        BASE_URL,
        openapi=openapi,
    )
    handlers = {
        operation.path: operation.handler
        for operation in (*pages.OPERATIONS, *reference.OPERATIONS)
        if not isinstance(operation.handler, BodyHandler)
    }
    call = Call({"code": "token_expired", "group": "tokens"}, b"", Origin("", "", ""), {})
    for path in ("/reference", "/reference/{group}", "/errors", "/errors/{code}"):
        assert await handlers[path](context, call) is await handlers[path](context, call)


def test_the_pages_are_not_part_of_the_api() -> None:
    assert [one.path for one in OPERATIONS if one.tag == "Pages" and one.documented] == []


# --- errors ------------------------------------------------------------------------------------


def test_every_code_is_explained_and_nothing_else_is() -> None:
    assert set(EXPLANATIONS) == set(Code)
    for code, explanation in EXPLANATIONS.items():
        assert explanation.when, code
        assert explanation.remedy, code
        assert (explanation.field_error is not None) == (STATUS[code] == 422), code
        assert explanation.field_error is None or explanation.field_error.code is code


async def test_the_list_has_every_code_under_its_status(server: Server) -> None:
    html = (await server.client.get("/errors")).text
    listed: dict[str, int] = {}
    for section in html.split("<section")[1:]:
        [status] = re.findall(r'<h2 id="s(\d+)">', section)
        listed |= dict.fromkeys(re.findall(r'href="/errors/([a-z_]+)"', section), int(status))
    assert listed == {code.value: STATUS[code] for code in Code}


@pytest.mark.parametrize("code", Code)
async def test_a_codes_page_shows_its_texts_and_its_example(server: Server, code: Code) -> None:
    answer = await server.client.get(f"/errors/{code}")
    explanation = EXPLANATIONS[code]
    for text in (explanation.meaning, *explanation.when, *explanation.remedy):
        assert inline_code(text) in answer.text
    [shown] = Document(answer.text).pre
    head, _, body = shown.partition("\n\n")
    example = example_answer(code, f"{BASE_URL}/errors")
    assert head.startswith(str(STATUS[code]))
    assert json.loads(body) == json.loads(example.body)


async def test_a_code_that_does_not_exist_has_a_page_that_says_so(server: Server) -> None:
    answer = await server.client.get("/errors/<script>alert(1)")
    assert answer.status_code == 404
    assert "The error code <code>&lt;script&gt;alert(1)</code> does not exist." in answer.text


async def test_the_link_in_a_refusal_leads_to_the_page_of_its_code(server: Server) -> None:
    answer = await server.client.post(TOKENS, json={}, auth=server.tenant.auth)
    [entry] = said(answer, 422)["errors"]
    page = await server.client.get(entry["url"])
    assert "<h1>Missing required parameter</h1>" in page.text


async def _refusals(server: Server) -> Iterator[tuple[Code, httpx.Response]]:
    """Each code that is told with a fault, brought about for real."""
    client, tenant = server.client, server.tenant
    address = str(tenant.addresses[0].id)
    pair = await server.sign_in()

    async def post(path: str, body: object, key: str | None = None) -> httpx.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        content = json.dumps(body)
        return await client.post(path, content=content, auth=tenant.auth, headers=headers)

    used = said(await post(TOKENS, {"reference": "a"}, "used"), 200)
    assert (await server.info(used["token"])).is_success
    await server.settled()
    found = {
        Code.IDEMPOTENCY_KEY_REUSED: await post(TOKENS, {"reference": "b"}, "used"),
        Code.MISSING_REQUIRED_PARAMETER: await post(TOKENS, {}),
        Code.NOT_A_STRING: await post(REFRESH, {"refresh_token": 1}),
        Code.INVALID_PARAMETER: await post(TOKENS, {"reference": "a", "expires_at": 1}),
        Code.NOT_A_VALID_JSON: await client.post(TOKENS, content=b"{,}", auth=tenant.auth),
        Code.NOT_AN_ARRAY_OF_STRINGS: await post(GUESTS, {"allowed_addresses": address}),
        Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED: await post(
            GUESTS, {"allowed_addresses": [address] * 11}
        ),
        Code.MUST_BELONG_TO_PROJECT: await post(
            GUESTS, {"allowed_addresses": [str(server.tenant.id)]}
        ),
        Code.UNSUPPORTED_REGION: await post(TOKENS, {"reference": "a", "region": "mars"}),
        Code.NOT_UNIQUE_WITHIN_PROJECT: await post(
            "/api/fabric/resources/subscribers", {"email": "alice@example.com"}
        ),
        Code.TOKEN_INVALID: await post(REFRESH, {"refresh_token": "a.b.c.d.e"}),
        Code.NOT_A_REFRESH_TOKEN: await post(REFRESH, {"refresh_token": pair["token"]}),
        Code.INVALID_TOKEN_FORMAT: await post(REFRESH, {"refresh_token": "a"}),
        Code.TOKEN_HAS_INVALID_PREFIX: await post(EMBEDS, {"token": "PT"}),
        Code.INVALID_AUTH_TOKEN_PERMISSIONS: await post(
            API_TOKENS, {"name": "a", "permissions": ["voice"]}
        ),
        Code.INVALID_SUBPROJECT_ID: await post(
            API_TOKENS, {"name": "a", "permissions": ["video"], "subproject_id": address}
        ),
        Code.PAGE_TOKEN_IS_INVALID: await client.get(
            "/api/fabric/addresses?page_token=x", auth=tenant.auth
        ),
        Code.PAGE_TOKEN_REQUIRED: await client.get(
            "/api/fabric/addresses?page_number=1", auth=tenant.auth
        ),
    }
    server.clock.advance(60)
    again = await post(TOKENS, {"reference": "a"}, "used")
    found[Code.IDEMPOTENCY_RESULT_UNAVAILABLE] = again
    server.clock.advance(7440)
    found[Code.TOKEN_EXPIRED] = await server.refresh(pair["refresh_token"])
    return iter(found.items())


async def test_the_examples_are_word_for_word_what_the_server_answers(server: Server) -> None:
    shown = set()
    for code, answer in await _refusals(server):
        example = example_answer(code, f"{BASE_URL}/errors")
        assert said(answer, 422) == json.loads(example.body), code
        shown.add(code)
    assert shown == {code for code in Code if STATUS[code] == 422}


async def test_the_examples_without_faults_are_too(server: Server) -> None:
    client, auth = server.client, server.tenant.auth
    _, c2c_token = await server.c2c_token(None, "https://a.example")
    found = {
        Code.UNAUTHORIZED: await client.post(TOKENS),
        Code.FORBIDDEN: await client.post(EMBEDS, json={"token": c2c_token}),
        Code.NOT_FOUND: await client.get("/nowhere"),
        Code.METHOD_NOT_ALLOWED: await client.put(TOKENS),
        Code.PAYLOAD_TOO_LARGE: await client.post(TOKENS, content=b" " * 65537, auth=auth),
    }
    await server.service.store.close()
    found[Code.UNAVAILABLE] = await client.get("/readyz")
    for code, answer in found.items():
        example = example_answer(code, f"{BASE_URL}/errors")
        assert (answer.status_code, answer.content) == (example.status, example.body), code
        for name, value in example.headers:
            assert answer.headers[name.decode()] == value.decode(), code


# --- the start page ----------------------------------------------------------------------------


async def test_in_production_no_page_shows_a_secret(server: Server) -> None:
    for path, html in (await every_page(server.client)).items():
        assert server.tenant.api_token not in html, path
        assert str(server.tenant.id) not in html, path
        assert "export SIGNALWIRE" not in html, path


async def test_in_development_the_start_page_gives_everything_for_a_first_try(
    server: Server,
) -> None:
    demo = a_demo(server)
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        answer = await client.get("/")
        assert answer.headers["cache-control"] == "no-store"
        assert Document(answer.text).pre == [demo.exports(), demo.curl(), demo.python()]
        for text in (
            str(demo.project_id),
            demo.api_token.reveal(),
            demo.c2c_token.reveal(),
            *(str(address.id) for address in demo.addresses),
            breakable(demo.http),
            breakable(demo.https),
        ):
            assert f"<code>{text}</code>" in answer.text
        for path, html in (await every_page(client)).items():
            shows = path == "/" or path.startswith("/reference/")
            assert (demo.api_token.reveal() in html) is shows, path


@pytest.mark.parametrize(
    "host", ["localhost:8080", "127.0.0.1", "[::1]:8080", "puc.localhost:8443", "LOCALHOST"]
)
async def test_every_name_of_this_machine_is_shown_the_credentials(
    server: Server, host: str
) -> None:
    async with at(server.service.app(LOOPBACK, a_demo(server)), f"http://{host}") as client:
        assert server.tenant.api_token in (await client.get("/")).text


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "https://evil.example"}, id="another origin asks by script"),
        pytest.param({"Origin": "null"}, id="a sandboxed frame asks by script"),
        pytest.param({"Host": "evil.example:8080"}, id="a name rebound to 127.0.0.1"),
        pytest.param({"Host": "127.0.0.1.evil.example"}, id="a name that begins like ours"),
        pytest.param({"Host": "evil.example#localhost"}, id="a name that ends like ours"),
        pytest.param({"Host": "evillocalhost"}, id="a name that ends like ours, without a dot"),
        pytest.param({"Host": ""}, id="no name"),
    ],
)
async def test_web_sites_cannot_read_the_credentials_through_a_visitors_browser(
    server: Server, headers: dict[str, str]
) -> None:
    demo = a_demo(server)
    async with at(server.service.app(LOOPBACK, demo), LOOPBACK) as client:
        answer = await client.get("/", headers=headers)
    assert answer.status_code == 200
    assert demo.api_token.reveal() not in answer.text
    assert demo.c2c_token.reveal() not in answer.text
    assert str(demo.project_id) not in answer.text


def test_neither_demo_nor_desk_prints_a_secret(server: Server) -> None:
    demo = a_demo(server)
    context = HandlerContext(
        server.services, server.context.callers, server.context.metrics, "", demo=demo
    )
    assert demo.api_token.reveal() not in repr(demo)
    assert demo.c2c_token.reveal() not in repr(demo)
    assert "Demo" not in repr(context)
