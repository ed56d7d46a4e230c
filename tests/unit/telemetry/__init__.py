"""Log lines and traces, without remote parts."""
