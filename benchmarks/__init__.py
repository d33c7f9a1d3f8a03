"""Benchmarks: satmint beside the floor, paired in one run. See README.md in this folder."""
