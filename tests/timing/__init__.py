"""Tests that depend on time or memory of a whole server: nothing else may run beside them."""
