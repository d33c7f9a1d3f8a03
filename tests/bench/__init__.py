"""The pure parts of the benchmarks: what is made of figures, never how large they are."""
