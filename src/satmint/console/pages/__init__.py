"""The pages of the console, with a module for each.

How to add a page:

1. A module here with `PAGE = Page(path=…, title=…, show=…, navigation=NavigationItem(…),
   actions=(…))`, and its name in `PAGES` below. A path below `/projects/{project}` is for the
   operator and the project's manager: `request.project` is then the project, and has been checked.
   Every other path is for the operator only.
2. `async def show(context, request) -> View` reads with a flow (`context.services`) and returns
   `View("name.html", {…})`. It changes nothing, reads no more rows than it shows
   (`listing.window_of`, `listing.pager_of`), and never puts a secret into a page.
3. `templates/name.html` begins with `{% extends "page.html" %}` and
   `{% import "parts.html" as ui with context %}`; `parts.html` has the table with its empty state,
   filters, pager, times, ids with a button to copy, badges, forms and more. Every template has
   `request`, `project`, `now` (Unix seconds), `csrf_token` and what `View` gives. No inline style
   or script: the policy forbids both. Styles are in `assets/`; scripts are optional there, because
   pages are read without them.
4. A change is an `Action(name, perform, confirm)`: POST to `<path>/<name>`. The CSRF token was
   checked before `perform`, which calls a flow with `request.origin` and returns
   `Redirect(path, "3 sessions were revoked.")`, or a `View` with a secret to show once. `confirm`
   returns `confirmation(Confirmation(…))`, which says what will happen and to how many; link to it
   with `ui.ask`. Catch `Unprocessable` to show a form again with its errors (`field_errors`).
5. `tests/console/test_every_page.py` opens the page at three widths, light and dark, with data and
   without, because it is in `PAGES`. A new placeholder gets a value in `tests/console/samples.py`,
   where data for the page is made, too.

A manager's page must not show anything of another project or of the deployment. Handlers that
stream return `Stream(app)`; files to download are a `Response` with `Content-Disposition:
attachment`.
"""

from typing import Final

from satmint.console.page import Page
from satmint.console.pages import (
    address,
    addresses,
    api_token,
    api_tokens,
    c2c_token,
    click_to_call,
    clock,
    events,
    keys,
    overview,
    project_overview,
    projects,
    requests,
    revocation_feed,
    room,
    rooms,
    session,
    sessions,
    settings,
    subscriber,
    subscribers,
    webhook,
    webhooks,
)

PAGES: Final[tuple[Page, ...]] = (
    overview.PAGE,
    project_overview.PAGE,
    address.PAGE,
    addresses.PAGE,
    api_token.PAGE,
    api_tokens.PAGE,
    c2c_token.PAGE,
    click_to_call.PAGE,
    clock.PAGE,
    events.PAGE,
    keys.PAGE,
    projects.PAGE,
    requests.PAGE,
    requests.DETAIL,
    revocation_feed.PAGE,
    room.PAGE,
    rooms.PAGE,
    session.PAGE,
    sessions.PAGE,
    settings.PAGE,
    subscriber.PAGE,
    subscribers.PAGE,
    webhook.PAGE,
    webhooks.PAGE,
)
"""All pages. The order does not matter."""
