"""Bodies as JSON objects, read strictly."""

from typing import Any, Final

import msgspec

from satmint.model.refusals import Code, Fault, Unprocessable
from satmint.model.strict_json import NotStrictJson, read_strictly


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object that `body` spells; an empty body is an empty object.

    Raises:
        Unprocessable: it is no UTF-8, no JSON, not an object, or one that two readers could
            understand differently.
    """
    if not body:
        return {}
    try:
        # With one colon there is at most one member, so none can be repeated, and without a
        # backslash no odd character: then the fast reader is strict enough. (It is four times as
        # fast, and most bodies are a single refresh token.)
        if body.count(b":") == 1 and b"\\" not in body:
            value = _read_simple(body)
        else:
            value = read_strictly(body)
    except (ValueError, RecursionError) as error:
        detail = f": {error}" if isinstance(error, NotStrictJson) and str(error) else ""
        raise Unprocessable(
            Fault(Code.NOT_A_VALID_JSON, f"The body is not valid JSON{detail}")
        ) from error
    if not isinstance(value, dict):
        raise Unprocessable(Fault(Code.NOT_A_VALID_JSON, "The body must be a JSON object"))
    return value


_read_simple: Final = msgspec.json.Decoder().decode
