"""`tidegate model`: the reporting model."""
