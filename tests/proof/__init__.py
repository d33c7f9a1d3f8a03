"""Long trials of a whole server: histories that are checked, kills, and inputs that nobody meant.

python -m tests.proof.soak
python -m tests.proof.fuzz
"""
