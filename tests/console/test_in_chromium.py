"""What only a real browser shows: cookies, frames, forms of others, scripts, the keyboard."""

import re

import httpx

from tests.console.conftest import sign_in
from tests.console.samples import HOSTILE, Samples
from tests.kit.chromium import Browser, Page
from tests.kit.dev import DevServer
from tests.kit.polling import wait_until

PROJECTS = "/console/projects"
HURRIED = """
const real = setInterval;
window.setInterval = (work, milliseconds) => real(work, Math.min(milliseconds, 100));
"""


def test_link_of_the_first_line_signs_in_once_and_leaves_no_code(
    browser: Browser, dev: DevServer
) -> None:
    link = dev["console"]
    assert re.fullmatch(rf"{dev['admin']}/console\?code=\S+", link)
    with browser.page() as page:
        # It is good for a minute: a test that comes later sees the page that says so.
        status = page.open(link)
        assert status in (200, 401)
        if status == 200:
            assert page.evaluate("location.href") == f"{dev['admin']}/console/overview"
            history = page.call("Page.getNavigationHistory")["entries"]
            assert not [entry for entry in history if "code=" in entry["url"]]
    with browser.page() as page:
        assert page.open(link) == 401
        assert "This sign-in link is not valid" in page.evaluate("document.body.innerText")


def test_cookie_is_hidden_from_scripts(signed_in: Page, dev: DevServer) -> None:
    signed_in.open(f"{dev['admin']}{PROJECTS}")
    assert signed_in.evaluate("document.cookie") == ""
    cookies = signed_in.call("Network.getCookies", urls=[f"{dev['admin']}{PROJECTS}"])["cookies"]
    (cookie,) = [one for one in cookies if one["name"].startswith("satmint-console-")]
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/console")


def test_start_page_signs_in_and_the_page_after_it_is_the_overview(
    page: Page, dev: DevServer
) -> None:
    page.open(dev["http"])
    href = page.evaluate("document.querySelector('a[href$=\"/console\"]').href")
    assert href == f"{dev['http']}/console"
    sign_in(page, dev)
    assert page.evaluate("document.querySelector('h1').textContent") == "Overview"


def test_another_origin_cannot_frame_the_console_nor_send_its_forms(
    browser: Browser, dev: DevServer
) -> None:
    with browser.page() as page:
        sign_in(page, dev)
        # Another port of the same host: browsers send the cookie even so.
        page.open(f"{dev['http']}/livez")
        page.evaluate(
            "new Promise(done => { const frame = document.createElement('iframe');"
            f"  frame.src = '{dev['admin']}{PROJECTS}'; frame.onload = done; frame.onerror = done;"
            "  document.body.append(frame); })"
        )
        answers = [event["response"] for event in page.events("Network.responseReceived")]
        statuses = [one["status"] for one in answers if one["url"].endswith(PROJECTS)]
        assert statuses == [403]
        page.follow(
            "{ const form = document.createElement('form'); form.method = 'post';"
            f"  form.action = '{dev['admin']}/console/sign-out'; document.body.append(form);"
            "  form.submit(); }"
        )
        assert "Forbidden" in page.evaluate("document.title")
        assert page.open(f"{dev['admin']}{PROJECTS}") == 200, "the session goes on"


def test_script_that_got_into_a_page_would_not_run(signed_in: Page, dev: DevServer) -> None:
    signed_in.open(f"{dev['admin']}{PROJECTS}")
    ran = signed_in.evaluate(
        "(() => { const script = document.createElement('script');"
        "  script.textContent = 'window.ran = true'; document.body.append(script);"
        "  return window.ran === true; })()"
    )
    assert ran is False


def test_hostile_name_of_a_project_is_shown_as_it_is(
    signed_in: Page, dev: DevServer, samples: Samples
) -> None:
    signed_in.open(f"{dev['admin']}/console/projects/{samples.empty_project}/overview")
    assert signed_in.evaluate("document.querySelector('h1').textContent") == HOSTILE
    assert signed_in.evaluate("document.querySelector('.chosen strong').textContent") == HOSTILE


def test_first_tab_and_enter_skip_to_the_content(signed_in: Page, dev: DevServer) -> None:
    signed_in.show(width=1280)
    signed_in.open(f"{dev['admin']}{PROJECTS}")
    signed_in.press("Tab")
    assert signed_in.evaluate("document.activeElement.textContent") == "Skip to content"
    signed_in.press("Enter")
    assert signed_in.evaluate("location.hash") == "#main"


def test_navigation_of_a_phone_is_a_menu(signed_in: Page, dev: DevServer) -> None:
    signed_in.show(width=390)
    signed_in.open(f"{dev['admin']}{PROJECTS}")
    shown = "document.querySelector('#side nav').checkVisibility()"
    assert signed_in.evaluate(shown) is False
    signed_in.evaluate("document.querySelector('.menu-button').click()")
    assert signed_in.evaluate(shown) is True
    signed_in.show(width=1280)


def test_values_of_a_plot_are_shown_at_the_pointer(signed_in: Page, dev: DevServer) -> None:
    signed_in.show(width=1280)
    signed_in.open(f"{dev['admin']}/console/overview")
    step = "[...document.querySelectorAll('.plot-step')].at(59)"
    box = signed_in.evaluate(
        f"(() => {{ const box = {step}.getBoundingClientRect();"
        " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    shown = "document.querySelector('.plot-tip:not([hidden])')?.textContent"

    def is_shown() -> bool:
        # Again each time: the page shows new values, and no tip, every few seconds.
        for x, y in ((0, 0), box):
            signed_in.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        value = f"({step}.querySelector('title')?.textContent ?? {step}.dataset.text)"
        return signed_in.evaluate(f"Boolean({value}) && {shown} === {value}") is True

    wait_until(is_shown)


def test_keys_are_rotated_and_the_message_is_shown(browser: Browser, dev: DevServer) -> None:
    with browser.page() as page:
        sign_in(page, dev)
        page.open(f"{dev['admin']}/console/keys")
        before = page.evaluate("document.querySelectorAll('tbody tr').length")
        page.follow("document.querySelector('a[href$=\"/rotate\"]').click()")
        page.follow("document.querySelector('main button.main').click()")
        assert "is active." in page.evaluate("document.body.innerText")
        assert page.evaluate("location.pathname") == "/console/keys"
        assert page.evaluate("document.querySelectorAll('tbody tr').length") == before + 1
        assert page.complaints == []


def test_overview_goes_on_by_itself_until_the_session_ends(
    browser: Browser, dev: DevServer
) -> None:
    issued = "document.querySelectorAll('.tiles dd')[3]?.textContent"
    with browser.page() as page:
        page.before_all(HURRIED)
        sign_in(page, dev)
        before = int(page.evaluate(issued))
        answer = httpx.post(
            f"{dev['http']}/api/fabric/subscribers/tokens",
            json={"reference": "carol@example.com"},
            auth=dev.auth,
        )
        assert answer.status_code == 200
        page.until(f"Number({issued}) > {before}")
        assert page.complaints == []
        # Signed out elsewhere: the page does not stay as if nothing had happened.
        token = page.evaluate("document.querySelector('[name=csrf_token]').value")
        # The page may be gone before the answer is here: nobody waits for it.
        page.evaluate(
            "fetch('/console/sign-out', {method: 'POST',"
            f" body: new URLSearchParams({{csrf_token: '{token}'}})}}); 0"
        )
        page.until("document.title.includes('Sign in')")
