"""Where sessions live: a contract, the group commit that every store shares, and the stores."""
