"""Histories of every workflow type, replayed by `tests/service/runs/test_replay.py`."""
