"""The texts about every error code, for pages, the reference and OpenAPI. Backticks mark code."""

from collections.abc import Mapping
from typing import Final

from satmint.http.explanation import Explanation
from satmint.http.explanations_of_idempotency import IDEMPOTENCY
from satmint.http.explanations_of_lists import LISTS
from satmint.http.explanations_of_project_tokens import PROJECT_TOKENS
from satmint.model.refusals import Code, FieldError

EXPLANATIONS: Final[Mapping[Code, Explanation]] = {
    Code.UNAUTHORIZED: Explanation(
        title="Unauthorized",
        meaning="Missing, invalid or insufficient credentials. The response does not say which.",
        when=(
            "The `Authorization` header is missing, or uses a scheme that the endpoint rejects.",
            "The project id and the API token do not match, or the API token was deleted.",
            "The API token lacks the permission that the endpoint requires.",
            "The SAT expired, was revoked or comes from another server, or is a refresh token.",
            (
                "A proof of possession failed. `X-Satmint-Cause` names the check that failed; for"
                " `proof_time`, `skew` is the number of seconds that the proof is ahead of the"
                " server's clock (negative: behind)."
            ),
        ),
        remedy=(
            "Read `WWW-Authenticate` in the response: it lists the accepted schemes.",
            "For Basic, send the project id as the user and the API token (`PT…`) as the password.",
            "Grant the API token one of the permissions that the reference lists for the endpoint.",
            "For Bearer, send an active SAT: refresh it, or sign in again.",
            (
                "For a proof, read `X-Satmint-Cause`. `proof_time`: correct the client's clock."
                " `key_mismatch`: the SAT is bound to another key; sign in again with the"
                " `fingerprint` of this key. `proof_replayed`: create a new proof for each request."
                " `proof_nonce`: copy `DPoP-Nonce` from the response into the next proof."
            ),
        ),
    ),
    Code.FORBIDDEN: Explanation(
        title="Forbidden",
        meaning="Permission denied: the credentials are valid but do not allow this operation.",
        when=(
            "The Click-to-Call token is disabled.",
            "The web origin is not in the Click-to-Call token's list of origins.",
            "A guest, an invitee or an embed visitor creates an invitation or registers a device.",
            "A SAT without the scope `sat:refresh` is exchanged for a Client Bound SAT.",
        ),
        remedy=(
            "If the Click-to-Call token is disabled, create a new one.",
            "Create a Click-to-Call token that lists the page's origin, with scheme and port.",
            "Create invitations with a subscriber's SAT or with an API token.",
            "Register devices with a subscriber's SAT.",
            "Request the subscriber token with `scope` set to `sat:refresh`.",
        ),
    ),
    Code.NOT_FOUND: Explanation(
        title="Not found",
        meaning="The resource does not exist in this project, or the path does not exist.",
        when=(
            "The path is misspelled.",
            "The id in the path is not a UUID, or the resource was deleted.",
            "The id belongs to another project. The response is the same on purpose.",
            "The refresh token's subscriber was deleted, or the Click-to-Call token is unknown.",
        ),
        remedy=(
            "Compare the path with the reference.",
            "Check that the API token belongs to the project that created the resource.",
            "If the subscriber was deleted, sign in again with its `reference`.",
        ),
    ),
    Code.BAD_REQUEST: Explanation(
        title="Bad request",
        meaning="The request is malformed or ambiguous HTTP/1.1.",
        when=(
            "The request line or a header field is malformed, or a line does not end with CR LF.",
            "`Host` is missing, repeated or invalid.",
            "The body has two lengths, a length and a transfer coding, or an invalid chunk.",
            "A WebSocket handshake is not a `GET`, has a body, or lacks a header field.",
            "The client speaks TLS or HTTP/2 on a plain HTTP/1.1 port.",
        ),
        remedy=(
            "Send requests with an HTTP library.",
            "If a proxy is in front of the server, inspect the request that the proxy sends.",
            "Find the cause in the server's log, by the `X-Request-Id` of the response.",
        ),
    ),
    Code.METHOD_NOT_ALLOWED: Explanation(
        title="Method not allowed",
        meaning="The path exists but does not support this method.",
        when=("For example, the request uses `POST` for a `GET`, or `PUT` for a `PATCH`.",),
        remedy=("Use one of the methods in the response's `Allow` header.",),
    ),
    Code.REQUEST_TIMEOUT: Explanation(
        title="Request timeout",
        meaning="The server did not receive the complete request in time.",
        when=(
            "The connection stalled while the client sent the header.",
            "The connection stalled while the client sent the body.",
            "`Content-Length` is larger than the body.",
        ),
        remedy=("Send the request again, on a new connection.",),
    ),
    Code.PAYLOAD_TOO_LARGE: Explanation(
        title="Payload too large",
        meaning="The request body is larger than 64 KiB.",
        when=("The body, or its `Content-Length`, exceeds the limit.",),
        remedy=("Send only the documented members; no request needs 64 KiB.",),
    ),
    Code.UPGRADE_REQUIRED: Explanation(
        title="Upgrade required",
        meaning="The WebSocket handshake does not use version 13.",
        when=("`Sec-WebSocket-Version` is missing, or is not 13.",),
        remedy=("Use a WebSocket library that implements RFC 6455.",),
    ),
    Code.HEADERS_TOO_LARGE: Explanation(
        title="Request header fields too large",
        meaning="The request line and the header fields are larger than 32 KiB in total.",
        when=("A header field is too long, or there are too many header fields.",),
        remedy=("Send only the documented header fields. The server does not read cookies.",),
    ),
    Code.MISSING_REQUIRED_PARAMETER: Explanation(
        title="Missing required parameter",
        meaning="The body lacks a required member.",
        when=(
            "The member that `attribute` names is absent.",
            "The body is empty, or is form-encoded instead of JSON.",
        ),
        remedy=("Add the member that `attribute` names.",),
        field_error=FieldError(
            Code.MISSING_REQUIRED_PARAMETER, "Required parameter is missing", "reference"
        ),
    ),
    Code.NOT_A_STRING: Explanation(
        title="Not a string",
        meaning="A member that must be a JSON string has another type.",
        when=("The value is a number, a boolean, `null`, an array or an object.",),
        remedy=(
            "Send the value as a string, in quotation marks.",
            "Omit the member instead of sending `null`.",
        ),
        field_error=FieldError(
            Code.NOT_A_STRING, "Refresh Token must be a string", "refresh_token"
        ),
    ),
    Code.INVALID_PARAMETER: Explanation(
        title="Invalid parameter",
        meaning="A member or a query parameter is unknown or has an invalid value.",
        when=(
            (
                "An expiry time is in the past, is too far in the future, or is not an integer."
                ' Strings are not converted: `"3600"` is not an integer.'
            ),
            "A string is too long, is empty where it must not be, or has the wrong format.",
            "The name of a member is misspelled. Unknown members are rejected, never ignored.",
        ),
        remedy=(
            "Read `message`: it states what `attribute` must be.",
            "Check the name: subscribers and guests use `expire_at`, invitations `expires_at`.",
        ),
        field_error=FieldError(
            Code.INVALID_PARAMETER,
            "Expires At is not a known parameter; did you mean expire_at?",
            "expires_at",
        ),
    ),
    Code.NOT_A_VALID_JSON: Explanation(
        title="Not valid JSON",
        meaning="The body is not a valid, unambiguous JSON object.",
        when=(
            "The JSON has a syntax error, or the top-level value is not an object.",
            "The body is not UTF-8.",
            "A member is duplicated, or a number is `NaN` or `Infinity`.",
            "A string contains NUL or a lone surrogate.",
        ),
        remedy=("Encode the body with a JSON library, as UTF-8.",),
        field_error=FieldError(Code.NOT_A_VALID_JSON, "The body is not valid JSON"),
    ),
    Code.NOT_AN_ARRAY_OF_STRINGS: Explanation(
        title="Not an array of strings",
        meaning="A member that must be an array of strings has another type.",
        when=(
            "A single value is sent without brackets.",
            "An item of the array is not a string.",
        ),
        remedy=('Send an array, even for one value: `["…"]`.',),
        field_error=FieldError(
            Code.NOT_AN_ARRAY_OF_STRINGS,
            "Allowed Addresses must be an array of strings",
            "allowed_addresses",
        ),
    ),
    Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED: Explanation(
        title="Too many addresses",
        meaning="A guest token allows at most ten addresses.",
        when=("`allowed_addresses` has more than ten items.",),
        remedy=("List only the addresses that the guest needs, or create several tokens.",),
        field_error=FieldError(
            Code.ALLOWED_ADDRESS_LIMIT_EXCEEDED,
            "Allowed Addresses must hold at most 10 addresses",
            "allowed_addresses",
        ),
    ),
    Code.MUST_BELONG_TO_PROJECT: Explanation(
        title="Not in this project",
        meaning="The request refers to a resource that is not in the caller's project.",
        when=(
            "An address was deleted, or belongs to another project.",
            "The id is that of a room or a subscriber, not of its address.",
            "The credentials belong to another project than intended.",
        ),
        remedy=(
            "List the project's addresses with `GET /api/fabric/addresses`.",
            "Check the project id in the credentials.",
        ),
        field_error=FieldError(
            Code.MUST_BELONG_TO_PROJECT,
            "The addresses must belong to the project",
            "allowed_addresses",
        ),
    ),
    Code.UNSUPPORTED_REGION: Explanation(
        title="Unsupported region",
        meaning="The region or the cluster host is not configured on this server.",
        when=("`region` or `ch` has a value that the operator did not configure.",),
        remedy=(
            "Omit the member to use the default region.",
            "Use a value that `message` lists. The operator sets them with `SATMINT_REGIONS`.",
        ),
        field_error=FieldError(
            Code.UNSUPPORTED_REGION, "Region must be one of: us-central", "region"
        ),
    ),
    Code.NOT_UNIQUE_WITHIN_PROJECT: Explanation(
        title="Not unique within the project",
        meaning="Another record of the project already has this value.",
        when=(
            "A subscriber has this e-mail address or reference, possibly in another form.",
            "An address with this name exists in the same context, or a room with this name.",
        ),
        remedy=(
            "Use another value, or update the existing record.",
            (
                "To sign in a subscriber that may exist already, request a subscriber token with"
                " its `reference`: the operation creates or updates the subscriber."
            ),
        ),
        field_error=FieldError(
            Code.NOT_UNIQUE_WITHIN_PROJECT, "Email must be unique within the project", "email"
        ),
    ),
    Code.TOKEN_EXPIRED: Explanation(
        title="Token expired",
        meaning="The refresh token expired. It expires five minutes after its SAT.",
        when=(
            "The client was suspended or offline until the refresh token expired.",
            "The session reached the maximum lifetime that the operator set.",
            "The token was used before and has expired since. The server revoked the session.",
        ),
        remedy=(
            "Sign the subscriber in again with its `reference`.",
            "Refresh before the SAT expires: a two-hour SAT about 30 minutes before its end.",
        ),
        field_error=FieldError(Code.TOKEN_EXPIRED, "Token has expired.", "refresh_token"),
    ),
    Code.TOKEN_INVALID: Explanation(
        title="Token invalid",
        meaning="The server does not accept this refresh token.",
        when=(
            (
                "The token was used before, and so was its successor, or more than ten minutes have"
                " passed. It may be stolen, so the server revoked the session."
            ),
            "The token's session, subscriber or key was revoked.",
            "All addresses that the token was good for were deleted.",
            "The token belongs to another project, was issued by another server, or was altered.",
        ),
        remedy=(
            "Sign the subscriber in again.",
            (
                "Store the new refresh token before you use the new SAT, and do not use the old"
                " refresh token afterwards. If a response is lost, you can safely send the old"
                " refresh token again, for ten minutes (`replay_seconds`)."
            ),
            (
                "If none of your clients used the token twice, search the audit trail for"
                " `reuse_detected`."
            ),
        ),
        field_error=FieldError(Code.TOKEN_INVALID, "Token is invalid.", "refresh_token"),
    ),
    Code.NOT_A_REFRESH_TOKEN: Explanation(
        title="Not a refresh token",
        meaning="The token is a SAT. Only a refresh token can be exchanged for a new pair.",
        when=("The request sends the `token` of a response instead of its `refresh_token`.",),
        remedy=("Send the `refresh_token` of the last response.",),
        field_error=FieldError(
            Code.NOT_A_REFRESH_TOKEN, "Token is not a refresh token.", "refresh_token"
        ),
    ),
    Code.INVALID_TOKEN_FORMAT: Explanation(
        title="Malformed token",
        meaning="The text is not a token: it does not have five parts separated by dots.",
        when=(
            "The token was truncated, for example by a database column or a cookie.",
            "The request sends another value instead of a token.",
        ),
        remedy=("Store and send the complete token; allow for 8 KiB.",),
        field_error=FieldError(
            Code.INVALID_TOKEN_FORMAT, "Token format is invalid.", "refresh_token"
        ),
    ),
    Code.TOKEN_HAS_INVALID_PREFIX: Explanation(
        title="Not a Click-to-Call token",
        meaning="The text does not begin with `c2c_`, as every Click-to-Call token does.",
        when=("The request sends another token instead, which `message` names.",),
        remedy=("Pass a SAT to the SDK or widget as it is. Exchange a Click-to-Call token only.",),
        field_error=FieldError(
            Code.TOKEN_HAS_INVALID_PREFIX, "Token must begin with c2c_", "token"
        ),
    ),
    **LISTS,
    **PROJECT_TOKENS,
    **IDEMPOTENCY,
    Code.RATE_LIMIT_EXCEEDED: Explanation(
        title="Too many requests",
        meaning="Rate limit exceeded.",
        when=(
            "Too many requests from one address had invalid credentials. Valid ones still pass.",
            "Too many exchanges of a Click-to-Call token came from one address.",
            "A session made invites too fast, or has too many that have not expired.",
            "The project or the session exceeds `calls_per_minute`, if the operator set it.",
            "A used refresh token was sent again more than five times, which counts as calls.",
        ),
        remedy=(
            "Wait for the number of seconds in `Retry-After`, then retry.",
            "If the credentials were invalid, correct them before you retry.",
        ),
    ),
    Code.INTERNAL: Explanation(
        title="Internal server error",
        meaning="The server failed because of a bug. The request is not at fault.",
        when=("A bug. The server logs it with the `X-Request-Id` of the response.",),
        remedy=(
            "Retry once; a refresh is safe to repeat.",
            "If the error persists, report it with the `X-Request-Id`.",
        ),
    ),
    Code.NOT_IMPLEMENTED: Explanation(
        title="Not implemented",
        meaning="The request uses a feature of HTTP that the server does not implement.",
        when=(
            "The method is unknown, or is not in upper case.",
            "`Transfer-Encoding` names a coding other than `chunked`.",
        ),
        remedy=("Use a method from the reference, and send the body without a transfer coding.",),
    ),
    Code.HTTP_VERSION_NOT_SUPPORTED: Explanation(
        title="HTTP version not supported",
        meaning="The server supports only HTTP/1.1 and HTTP/1.0.",
        when=("The client uses HTTP/2 with prior knowledge.",),
        remedy=("Use HTTP/1.1, or a proxy that translates HTTP/2 to HTTP/1.1.",),
    ),
    Code.UNAVAILABLE: Explanation(
        title="Service unavailable",
        meaning=(
            "The server is at its limit of connections, or the database did not confirm the"
            " operation. A change may or may not have been made."
        ),
        when=(
            "Too many connections are open, in total or from your address.",
            "The database is starting, failing over, full or unreachable.",
            "Too many concurrent changes contend for one record.",
        ),
        remedy=(
            "Wait for the number of seconds in `Retry-After`, then send the same request again.",
            "A refresh is safe to repeat with the same refresh token.",
            "If you operate the server, check `/readyz` and the log.",
        ),
    ),
}
"""By code. A test checks that it covers exactly the codes that exist."""
