"""Retention: what is due by which rule, and how rows are made ready for the archive. No I/O."""
