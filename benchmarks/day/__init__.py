"""A day of 35 million changes in compressed time, against the org's own limits."""
