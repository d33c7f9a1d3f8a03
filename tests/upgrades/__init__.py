"""Databases of earlier versions, with their tokens, and what becomes of them."""
