"""What every store promises, and how the embedded one keeps it."""
