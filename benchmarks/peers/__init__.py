"""Backfills beside published connectors: `python -m benchmarks.peers`."""
