"""The domain model: ids, claims, session states and their transitions, refusals, clock, entropy.

Pure: no module here does I/O or imports another package of satmint.
"""
