"""One step of I/O each, safe to repeat."""
