"""What every code means, when it happens and what to do: one entry for each code, all of it here.

The error pages, the reference and OpenAPI show these texts. Backticks mark code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from satmint.model.permissions import Permission
from satmint.model.refusals import Code, Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A code in words."""

    title: str
    meaning: str
    """One sentence or two."""
    when: tuple[str, ...]
    """Occasions."""
    remedy: tuple[str, ...]
    """What to do, the likeliest first."""
    fault: Fault | None = None
    """For codes that come in a list of faults: such a fault, as the server words it."""


EXPLANATIONS: Final[Mapping[Code, Explanation]] = {
    Code.UNAUTHORIZED: Explanation(
        title="Unauthorized",
        meaning=(
            "The credentials are missing, wrong or not sufficient. Which of these it is, the"
            " answer does not tell."
        ),
        when=(
            "The `Authorization` header is missing, or of another scheme than the endpoint takes.",
            "Project id and API token do not belong together, or the API token was deleted.",
            "The API token lacks the permission that the endpoint asks for.",
            "The SAT has expired, was revoked, is a refresh token, or comes from another server.",
            (
                "A proof of possession does not stand: then `X-Satmint-Cause` names the check, and"
                " with `proof_time` also by how many seconds the proof was ahead (behind: below 0)."
            ),
        ),
        remedy=(
            "Look at `WWW-Authenticate` in the answer: it names the schemes that are taken here.",
            "For Basic, send the project id as user and the API token (`PT…`) as password.",
            "Give the API token one of the permissions that the reference lists for the endpoint.",
            "For Bearer, send a SAT that is still good: refresh it, or sign in again.",
            (
                "For a proof, look at `X-Satmint-Cause`. `proof_time`: set the clock."
                " `key_mismatch`: the SAT is bound to another key, so sign in again with this one's"
                " `fingerprint`. `proof_replayed`: make a new proof for each request."
                " `proof_nonce`: put the `DPoP-Nonce` of the answer into the next one."
            ),
        ),
    ),
    Code.FORBIDDEN: Explanation(
        title="Forbidden",
        meaning="The server knows who is asking, and that one may not do this.",
        when=(
            "A Click-to-Call token was disabled.",
            "A Click-to-Call token is used from a web origin that is not on its list.",
            "A guest, an invitee or a visitor tries to invite somebody.",
            "A SAT without the scope `sat:refresh` is to be exchanged for a Client Bound SAT.",
        ),
        remedy=(
            "Make another Click-to-Call token if the old one was disabled.",
            "Make one that lists the origin of the page, scheme and port included.",
            "Let a subscriber, or the backend, write the invitation.",
            "Ask for the subscriber's token with `scope` set to `sat:refresh`.",
        ),
    ),
    Code.NOT_FOUND: Explanation(
        title="Not found",
        meaning="There is no such thing in this project, or no such path on this server.",
        when=(
            "The path is mistyped.",
            "The id in the path is no UUID, or the thing was deleted.",
            "The id is another project's: that looks the same, on purpose.",
            "A refresh token's subscriber was deleted, or a Click-to-Call token is unknown.",
        ),
        remedy=(
            "Compare the path with the reference.",
            "Check that the API token belongs to the project in which the thing was made.",
            "If a subscriber is gone, sign it in again by its `reference`.",
        ),
    ),
    Code.METHOD_NOT_ALLOWED: Explanation(
        title="Method not allowed",
        meaning="The path exists, and this method does not.",
        when=("Most often a `POST` that should be a `GET`, or a `PUT` that should be a `PATCH`.",),
        remedy=("Use one of the methods in the answer's `Allow` header.",),
    ),
    Code.REQUEST_TIMEOUT: Explanation(
        title="Request timeout",
        meaning="The body of the request did not arrive in time.",
        when=(
            "The connection stalled while the body was under way.",
            "`Content-Length` promises more bytes than are sent.",
        ),
        remedy=("Send the request again, on a new connection.",),
    ),
    Code.PAYLOAD_TOO_LARGE: Explanation(
        title="Payload too large",
        meaning="The body of the request is larger than 64 KiB.",
        when=("The body is, or its `Content-Length` says that it will be, over the limit.",),
        remedy=("Send only the members that the endpoint takes; no request needs that much.",),
    ),
    Code.MISSING_REQUIRED_PARAMETER: Explanation(
        title="A required parameter is missing",
        meaning="The body lacks a member that the endpoint cannot do without.",
        when=(
            "The member that `attribute` names is absent.",
            "The body is empty, or was sent as a form instead of JSON.",
        ),
        remedy=("Add the member that `attribute` names.",),
        fault=Fault(Code.MISSING_REQUIRED_PARAMETER, "Required parameter is missing", "reference"),
    ),
    Code.NOT_A_STRING: Explanation(
        title="Not a string",
        meaning="A member that must be a JSON string is something else.",
        when=("The value is a number, `null`, `true`, a list or an object.",),
        remedy=(
            "Put the value in quotation marks.",
            "Leave the member out instead of sending `null`.",
        ),
        fault=Fault(Code.NOT_A_STRING, "Refresh Token must be a string", "refresh_token"),
    ),
    Code.INVALID_PARAMETER: Explanation(
        title="Invalid parameter",
        meaning="A member or a query parameter has a value that does not fit, or is not known.",
        when=(
            'A time of expiry is in the past, too far ahead, or no integer: `"3600"` is none.',
            "A text is too long, empty where it must not be, or not of the form asked for.",
            (
                "The name of a member is mistyped. It is refused because a default taken in silence"
                " would be worse."
            ),
        ),
        remedy=(
            "Read `message`: it says what `attribute` has to be.",
            "Mind the names: `expire_at` for subscribers and guests, `expires_at` for invitations.",
        ),
        fault=Fault(
            Code.INVALID_PARAMETER,
            "Expires At is not a known parameter; did you mean expire_at?",
            "expires_at",
        ),
    ),
    Code.NOT_A_VALID_JSON: Explanation(
        title="Not valid JSON",
        meaning="The body is no JSON object that every reader understands in the same way.",
        when=(
            "There is a comma too many, a quotation mark too few, or a list around the object.",
            "The body is not UTF-8.",
            "A member is repeated, or a number is `NaN` or `Infinity`.",
            "A string holds NUL or half of a surrogate pair.",
        ),
        remedy=("Let a JSON library write the body, and send it as UTF-8.",),
        fault=Fault(Code.NOT_A_VALID_JSON, "The body is not valid JSON"),
    ),
    Code.NOT_AN_ARRAY_OF_STRINGS: Explanation(
        title="Not an array of strings",
        meaning="A member that must be a list of strings is something else.",
        when=(
            "One value is sent by itself, without brackets around it.",
            "An item of the list is no string.",
        ),
        remedy=('Send a list, even of one: `["…"]`.',),
        fault=Fault(
            Code.NOT_AN_ARRAY_OF_STRINGS,
            "Allowed Addresses must be an array of strings",
            "allowed_addresses",
        ),
    ),
    Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED: Explanation(
        title="Too many addresses",
        meaning="A guest token is good for at most ten addresses.",
        when=("`allowed_addresses` holds more than ten items.",),
        remedy=("Name only what the guest needs, or make more than one token.",),
        fault=Fault(
            Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED,
            "Allowed Addresses must hold at most 10 addresses",
            "allowed_addresses",
        ),
    ),
    Code.MUST_BELONG_TO_PROJECT: Explanation(
        title="Not of this project",
        meaning="Something that the request names by its id is not in the caller's project.",
        when=(
            "An address was deleted, or is another project's.",
            "The credentials are those of another project than was meant.",
        ),
        remedy=(
            "List the addresses of the project with `GET /api/fabric/addresses`.",
            "Check the project id that you sign in with.",
        ),
        fault=Fault(
            Code.MUST_BELONG_TO_PROJECT,
            "The addresses must belong to the project",
            "allowed_addresses",
        ),
    ),
    Code.UNSUPPORTED_REGION: Explanation(
        title="Unsupported region",
        meaning="This server does not know the region or the cluster host that is asked for.",
        when=("`region` or `ch` names none that the operator has set up.",),
        remedy=(
            "Leave the member out to get the usual region.",
            "Name one of those in `message`; the operator sets them with `SATMINT_REGIONS`.",
        ),
        fault=Fault(Code.UNSUPPORTED_REGION, "Region must be one of: us-central", "region"),
    ),
    Code.NOT_UNIQUE_WITHIN_PROJECT: Explanation(
        title="Not unique within the project",
        meaning="Another record of the project has this value already.",
        when=(
            "A subscriber with this e-mail address or reference exists.",
            "An address with this name exists in the same context.",
        ),
        remedy=(
            "Use another value, or change the record that has it.",
            (
                "To sign in a subscriber who may exist already, ask for a subscriber token by"
                " `reference`: that takes either case."
            ),
        ),
        fault=Fault(
            Code.NOT_UNIQUE_WITHIN_PROJECT, "Email must be unique within the project", "email"
        ),
    ),
    Code.TOKEN_EXPIRED: Explanation(
        title="The token has expired",
        meaning="The refresh token came too late. It lives five minutes longer than its SAT.",
        when=(
            "The client slept, or was offline, past the end of its refresh token.",
            "The session has reached the longest life that the operator allows.",
        ),
        remedy=(
            "Sign the subscriber in again by `reference`.",
            "Refresh well before the SAT ends; half an hour ahead is a good habit for two hours.",
        ),
        fault=Fault(Code.TOKEN_EXPIRED, "Token has expired.", "refresh_token"),
    ),
    Code.TOKEN_INVALID: Explanation(
        title="The token is not valid",
        meaning="The refresh token is not one that this server would honour now.",
        when=(
            (
                "It was used already, and so were the tokens that replaced it. Somebody may have"
                " stolen it, and the whole session was ended."
            ),
            "Its session, its subscriber or its key was revoked.",
            "It is another project's, or comes from another server, or was changed on the way.",
        ),
        remedy=(
            "Sign the subscriber in again.",
            (
                "Store the new refresh token before using the new SAT, and never go back to the old"
                " one. After a lost answer the old one may be sent again: that is safe."
            ),
            "If nobody of yours used it twice, look at the audit trail for `reuse_detected`.",
        ),
        fault=Fault(Code.TOKEN_INVALID, "Token is invalid.", "refresh_token"),
    ),
    Code.NOT_A_REFRESH_TOKEN: Explanation(
        title="Not a refresh token",
        meaning="This is a SAT. Only a refresh token can be exchanged for a new pair.",
        when=("`token` of an answer was sent in place of its `refresh_token`.",),
        remedy=("Send the `refresh_token` of the last answer.",),
        fault=Fault(Code.NOT_A_REFRESH_TOKEN, "Token is not a refresh token.", "refresh_token"),
    ),
    Code.INVALID_TOKEN_FORMAT: Explanation(
        title="The token is malformed",
        meaning="The text does not have the five parts, joined by dots, that every token has.",
        when=(
            "The token was cut off, for example by a column or a cookie that is too small.",
            "Something else was sent in its place.",
        ),
        remedy=("Store and send the token whole; allow for 8 KiB.",),
        fault=Fault(Code.INVALID_TOKEN_FORMAT, "Token format is invalid.", "refresh_token"),
    ),
    Code.TOKEN_HAS_INVALID_PREFIX: Explanation(
        title="Not a Click-to-Call token",
        meaning="A Click-to-Call token begins with `c2c_`, and this text does not.",
        when=("A SAT or an API token was sent in its place.",),
        remedy=("Send the text that the server showed when the Click-to-Call token was made.",),
        fault=Fault(Code.TOKEN_HAS_INVALID_PREFIX, "Token must begin with c2c_", "token"),
    ),
    Code.INVALID_AUTH_TOKEN_PERMISSIONS: Explanation(
        title="Unknown permission",
        meaning="An API token was asked for with a permission that does not exist.",
        when=("An item of `permissions` is mistyped, or is `voice`: that one is `calling`.",),
        remedy=("Use the names in `message`.",),
        fault=Fault(
            Code.INVALID_AUTH_TOKEN_PERMISSIONS,
            f"Permissions must be out of: {', '.join(Permission)}",
            "permissions",
        ),
    ),
    Code.PAGE_TOKEN_IS_INVALID: Explanation(
        title="The page token is not valid",
        meaning="This `page_token` was not given out for this list in this order.",
        when=(
            "It was cut, changed, or made up.",
            "It comes from a list that was ordered in another way.",
        ),
        remedy=("Follow `links.next` as it stands, or begin again without `page_token`.",),
        fault=Fault(Code.PAGE_TOKEN_IS_INVALID, "Page Token is invalid", "page_token"),
    ),
    Code.RATE_LIMIT_EXCEEDED: Explanation(
        title="Too many requests",
        meaning="There were more requests of this kind than are let through.",
        when=(
            "Wrong credentials came too often from one address. Right ones still pass.",
            "A Click-to-Call token was exchanged too often from one address.",
        ),
        remedy=(
            "Wait for the seconds that `Retry-After` gives, then try again.",
            "If it was credentials, correct them before anything else.",
        ),
    ),
    Code.INTERNAL: Explanation(
        title="Internal server error",
        meaning="The server made a mistake. Nothing is wrong with the request.",
        when=("A bug. It was logged under the answer's `X-Request-Id`.",),
        remedy=(
            "Try again once; a refresh is safe to repeat.",
            "If it stays, report it with the `X-Request-Id`.",
        ),
    ),
    Code.UNAVAILABLE: Explanation(
        title="Service unavailable",
        meaning=(
            "The database did not answer, or could not make the change durable. Whether it"
            " happened is not known."
        ),
        when=(
            "The database is starting, failing over, full, or out of reach.",
            "More changes contend for one record than can be settled in time.",
        ),
        remedy=(
            "Wait for the seconds that `Retry-After` gives, then send the same request again.",
            "A refresh is safe to repeat with the same refresh token.",
            "If you run the server: look at `/readyz` and at the log.",
        ),
    ),
}
"""By code. A test says that none is missing and none is left over."""
