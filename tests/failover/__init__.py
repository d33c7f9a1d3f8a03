"""Real failovers under load: PostgreSQL under Patroni, with everything that is answered checked.

python -m tests.failover
"""
