"""From a path and a method to an operation."""

from typing import Final

from satmint.http.call import Call, Response
from satmint.http.operations import Authentication, HandlerContext, Operation
from satmint.http.routing import Router


async def handler(_context: HandlerContext, _call: Call) -> Response:
    return Response(204)


def an_operation(method: str, path: str) -> Operation:
    return Operation(
        id=f"{method.lower()}-{len(path)}",
        method=method,
        path=path,
        tag="Some",
        summary="Some",
        authentication=Authentication.PUBLIC,
        handler=handler,
    )


LIST: Final = an_operation("GET", "/things")
CREATE: Final = an_operation("POST", "/things")
SPECIAL: Final = an_operation("GET", "/things/special")
GET: Final = an_operation("GET", "/things/{id}")
ROUTER: Final = Router((LIST, GET, CREATE, SPECIAL))


def test_operations_of_one_path_are_one_resource() -> None:
    resource, params = ROUTER.match("/things")
    assert resource is not None
    assert (resource.path, params) == ("/things", {})
    assert resource.operations == {"GET": LIST, "HEAD": LIST, "POST": CREATE}
    assert resource.allow == (b"allow", b"GET, HEAD, OPTIONS, POST")


def test_placeholders_stand_for_one_segment_and_give_way_to_a_path_without_any() -> None:
    resource, params = ROUTER.match("/things/7")
    assert resource is not None
    assert (resource.operations["GET"], params) == (GET, {"id": "7"})
    assert ROUTER.operation("GET", "/things/special") is SPECIAL
    assert ROUTER.match("/things/7/more") == (None, {})


def test_there_is_no_operation_for_another_method_or_path() -> None:
    assert ROUTER.operation("HEAD", "/things/7") is GET
    assert ROUTER.operation("POST", "/things/7") is None
    assert ROUTER.operation("GET", "/nothing") is None
