"""Windows of lists as query strings ask for them, and the links of a page."""

from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest

from satmint.http.paging import page_of, read_window
from satmint.model.base64url import b64url
from satmint.model.listing import Anchor, Page, SortBy, Window
from satmint.model.refusals import Code, FieldError, Unprocessable

ID = UUID(int=7)
URL = "https://mint.test/list"


def errors_of(query: dict[str, str], *, sortable: bool = False) -> list[str]:
    """The messages of a query that is refused."""
    with pytest.raises(Unprocessable) as refusal:
        read_window(query, sortable=sortable)
    return [error.message for error in refusal.value.field_errors]


def token_of(value: str, backwards: str = "false") -> str:
    return b64url(f'[{value},"{ID}",{backwards}]'.encode())


def test_window_without_parameters_is_the_first_page_in_order_of_creation() -> None:
    assert read_window({}) == Window(
        size=50, anchor=None, sort_by=SortBy.CREATED_AT, descending=False
    )
    assert read_window({}, descending=True).descending


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ({"page_size": "1"}, 1),
        ({"page_size": "1000"}, 1000),
        ({"page_size": "007"}, 7),
        ({"page_number": "0"}, 50),
        ({"page_number": "3", "page_token": token_of("3")}, 50),
        ({"page_number": "3", "page_token": token_of("3"), "page_size": "4"}, 4),
        ({"page_token": token_of("3"), "page_size": "4"}, 4),
    ],
)
def test_page_has_the_requested_size(query: dict[str, str], size: int) -> None:
    window = read_window(query)
    assert window.size == size
    assert (window.anchor is not None) == ("page_token" in query)


@pytest.mark.parametrize("number", ["1", "3", "1000000"])
def test_page_number_above_zero_requires_a_page_token(number: str) -> None:
    with pytest.raises(Unprocessable) as refusal:
        read_window({"page_number": number})
    assert refusal.value.field_errors == (
        FieldError(Code.PAGE_TOKEN_REQUIRED, TOKEN_REQUIRED[0], "page_token"),
    )


SIZE = ["Page Size must be an integer from 1 to 1000"]
SIZE_ERROR = FieldError(Code.INVALID_PARAMETER, SIZE[0], "page_size")
TOKEN_REQUIRED = ["Page Token is required if Page Number is greater than 0"]
NUMBER = ["Page Number must be an integer from 0 to 1000000"]


@pytest.mark.parametrize(
    ("query", "messages"),
    [
        ({"page_size": "0"}, SIZE),
        ({"page_size": "1001"}, SIZE),
        ({"page_size": "-1"}, SIZE),
        ({"page_size": ""}, SIZE),
        ({"page_size": "1.0"}, SIZE),
        ({"page_size": "\u0661"}, SIZE),
        ({"page_size": "0000000001"}, SIZE),
        ({"page_number": "1000001"}, NUMBER),
        ({"page_number": "-1"}, NUMBER),
        ({"page_number": "9" * 5000}, NUMBER),
        ({"page_number": "1"}, TOKEN_REQUIRED),
        ({"page_number": "2", "page_size": "0"}, [*SIZE, *TOKEN_REQUIRED]),
        ({"page_number": "1", "page_token": "!"}, ["Page Token is invalid"]),
        ({"sort_order": "up"}, ["Sort Order must be one of: asc, desc"]),
        ({"page_token": "!"}, ["Page Token is invalid"]),
        (
            {"page_size": "0", "page_number": "x", "sort_order": ""},
            [*SIZE, *NUMBER, "Sort Order must be one of: asc, desc"],
        ),
    ],
)
def test_parameter_that_is_invalid_is_named(query: dict[str, str], messages: list[str]) -> None:
    assert errors_of(query) == messages


def test_nine_digits_are_the_most() -> None:
    assert read_window({"page_size": "000000001"}).size == 1


@pytest.mark.parametrize(
    ("order", "default", "descending"),
    [(None, False, False), (None, True, True), ("asc", True, False), ("desc", False, True)],
)
def test_order_is_as_asked(order: str | None, default: bool, descending: bool) -> None:
    query = {} if order is None else {"sort_order": order}
    assert read_window(query, descending=default).descending is descending


def test_sorting_is_ignored_where_a_list_has_none() -> None:
    assert read_window({"sort_by": "name"}).sort_by is SortBy.CREATED_AT
    assert read_window({"sort_by": "name"}, sortable=True).sort_by is SortBy.NAME
    assert read_window({"sort_by": "x"}).sort_by is SortBy.CREATED_AT
    (message,) = errors_of({"sort_by": "x"}, sortable=True)
    assert message.startswith("Sort By must be one of: ")


def test_errors_of_the_list_come_behind_those_of_the_page() -> None:
    other = FieldError(Code.INVALID_PARAMETER, "other", "other")
    with pytest.raises(Unprocessable) as refusal:
        read_window({}, other_errors=[other])
    assert list(refusal.value.field_errors) == [other]
    with pytest.raises(Unprocessable) as refusal:
        read_window({"page_size": "0"}, other_errors=[other])
    assert list(refusal.value.field_errors) == [SIZE_ERROR, other]


@pytest.mark.parametrize(
    ("text", "sort_by", "anchor"),
    [
        (token_of("5"), "created_at", Anchor(5, ID, False)),
        (token_of("5", "true"), "created_at", Anchor(5, ID, True)),
        (token_of('"x"'), "name", Anchor("x", ID, False)),
        (token_of(str(2**63 - 1)), "created_at", Anchor(2**63 - 1, ID, False)),
        (token_of(str(1 - 2**63)), "created_at", Anchor(1 - 2**63, ID, False)),
        (token_of(str(2**63)), "created_at", None),
        (token_of(str(-(2**63))), "created_at", None),
        (token_of("5"), "name", None),
        (token_of('"x"'), "created_at", None),
        (token_of('"x\\u0000"'), "name", None),
        (b64url(f'[5,"{ID}",false,1]'.encode()), "created_at", None),
        (b64url(f'[5,"{ID}"]'.encode()), "created_at", None),
        (b64url(b"x"), "created_at", None),
        ("", "created_at", None),
    ],
)
def test_page_token_names_the_row_where_the_page_begins(
    text: str, sort_by: str, anchor: Anchor | None
) -> None:
    query = {"page_token": text, "sort_by": sort_by}
    if anchor is None:
        assert errors_of(query, sortable=True) == ["Page Token is invalid"]
    else:
        # With a token, the number of the page skips nothing, however large it is.
        assert read_window({**query, "page_number": "9999"}, sortable=True).anchor == anchor


def links_of(page: Page[int], **query: str) -> dict[str, dict[str, str]]:
    """The parameters of each link."""
    answer = page_of(page, query, URL, lambda item: {"n": item}, lambda item: (item, ID))
    assert answer["data"] == [{"n": item} for item in page.items]
    links = answer["links"]
    assert isinstance(links, dict)
    found = {}
    for name, link in links.items():
        split = urlsplit(link)
        assert f"{split.scheme}://{split.netloc}{split.path}" == URL
        assert ("?" in link) is bool(split.query)
        found[name] = dict(
            parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
        )
    return found


@pytest.mark.parametrize("items", [(), (1, 2)])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("after", [False, True])
def test_page_links_to_those_that_there_are(
    items: tuple[int, ...], before: bool, after: bool
) -> None:
    links = links_of(Page(items, more_before=before, more_after=after))
    expected = {"self", "first"}
    expected |= {"next"} if after and items else set()
    expected |= {"prev"} if before and items else set()
    assert links.keys() == expected


@pytest.mark.parametrize(("number", "previous"), [(None, "0"), ("0", "0"), ("1", "0"), ("5", "4")])
def test_links_keep_what_was_asked_and_move_the_position(number: str | None, previous: str) -> None:
    asked = {"page_size": "2", "x": "a&b"}
    position = {} if number is None else {"page_number": number, "page_token": "t"}
    links = links_of(Page((3, 4), more_before=True, more_after=True), **asked, **position)
    assert links == {
        "self": asked | position,
        "first": asked,
        "next": {
            **asked,
            "page_number": str(int(number or "0") + 1),
            "page_token": token_of("4"),
        },
        "prev": {**asked, "page_number": previous, "page_token": token_of("3", "true")},
    }
