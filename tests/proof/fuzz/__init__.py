"""Inputs that nobody meant, by the million: `python -m tests.proof.fuzz`, or `make fuzz`."""
