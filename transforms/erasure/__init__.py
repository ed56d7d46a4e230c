"""The values that an erasure takes from an event, a page and a table."""
