"""Routes of writeback."""
