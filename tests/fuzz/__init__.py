"""A fuzzer of the server: a million mutated inputs, `python -m tests.fuzz` or `make fuzz`."""
