"""A soak of a whole server: load, kills and faults, with every answer checked.

python -m tests.soak
"""
