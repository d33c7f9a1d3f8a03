"""Where refresh tokens are kept: the contract, in memory, in a file."""
