"""The command `backfill`."""
