"""Histories of every workflow type, replayed by `tests/service/test_replay.py`."""
