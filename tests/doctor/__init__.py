"""`satmint doctor`: set-ups that are healthy, and set-ups that are broken in one way."""
