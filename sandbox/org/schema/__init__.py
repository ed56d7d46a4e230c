"""Objects, fields and their values: what an administrator sets up, and how values are written."""
