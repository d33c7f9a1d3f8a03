"""What refusals carry."""

from satmint.model.refusals import Code, FieldError, Unprocessable, Unproven


def test_code_of_a_request_with_several_errors_is_that_of_the_first() -> None:
    errors = (
        FieldError(Code.TOKEN_INVALID, "is unknown", "token"),
        FieldError(Code.INVALID_PARAMETER, "is too long", "name"),
    )
    refusal = Unprocessable(*errors)
    assert refusal.code is Code.TOKEN_INVALID
    assert Unprocessable(*reversed(errors)).code is Code.INVALID_PARAMETER
    assert refusal.field_errors == errors
    assert str(refusal) == "token_invalid: invalid_parameter,token_invalid"
    assert str(Unprocessable(*errors, cause="reused")) == "token_invalid: reused"
    assert Unprocessable().code is Code.INVALID_PARAMETER


def test_refused_proof_names_its_cause() -> None:
    refusal = Unproven("iat", skew=7, nonce="n")
    assert (str(refusal), refusal.skew, refusal.nonce) == ("unauthorized: iat", 7, "n")
    plain = Unproven("htm")
    assert (plain.skew, plain.nonce, plain.error) == (None, None, "invalid_dpop_proof")
