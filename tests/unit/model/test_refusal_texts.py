"""A refusal has a public half and a private one."""

from satmint.model.refusals import (
    Code,
    FieldError,
    NotFound,
    RateLimited,
    StoreUnavailable,
    Unauthorized,
    Unprocessable,
)


def test_text_is_for_the_log_the_code_and_maybe_a_cause() -> None:
    assert str(Unauthorized()) == "unauthorized"
    assert str(NotFound("session")) == "not_found: session"
    assert NotFound("session").cause == "session"


def test_unprocessable_carries_every_fault_and_is_called_after_them() -> None:
    field_errors = (
        FieldError(Code.NOT_A_STRING, "Reference must be a string", "reference"),
        FieldError(Code.INVALID_PARAMETER, "Expire At must be an integer", "expire_at"),
        FieldError(Code.INVALID_PARAMETER, "Scope must be sat:refresh", "scope"),
    )
    refusal = Unprocessable(*field_errors)
    assert refusal.field_errors == field_errors
    assert refusal.cause == "invalid_parameter,not_a_string"
    assert Unprocessable(*field_errors, cause="reuse").cause == "reuse"


def test_rate_limit_says_when_to_come_back() -> None:
    refusal = RateLimited(7, "embeds")
    assert (refusal.retry_after, refusal.cause) == (7, "embeds")
    assert str(refusal) == "rate_limit_exceeded: embeds"


def test_store_in_trouble_is_unavailable_and_not_the_caller_s_fault() -> None:
    assert StoreUnavailable("sqlite_full").code is Code.UNAVAILABLE
