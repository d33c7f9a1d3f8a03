"""The tests of satmint. `make test` runs them all."""
