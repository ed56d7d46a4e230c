"""Fuzzing of what reads from outside: `make fuzz`. `targets/` has a file a reader."""
