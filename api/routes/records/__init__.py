"""Records as the warehouse has them: now, at a time, and as they change."""
