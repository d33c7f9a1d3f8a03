"""Where refresh tokens are kept: the contract; in memory, a file, SQLite, any mapping."""
