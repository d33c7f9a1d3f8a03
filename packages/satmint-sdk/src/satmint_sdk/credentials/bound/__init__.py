"""Client Bound SATs: the DPoP key, and the endpoints that take its proofs (RFC 9449)."""
