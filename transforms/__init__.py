"""Pure functions: from events to tables, from changes to states. No I/O, no clock, no
randomness.
"""
