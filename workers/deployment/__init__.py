"""Versions of workers: which one this process is of, and who has the work."""
