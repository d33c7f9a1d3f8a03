"""The vocabulary: ids, claims, session states and their legal moves, refusals, clock, entropy.

Pure: nothing here does I/O, and nothing here imports another room of satmint.
"""
