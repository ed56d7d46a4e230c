"""What an erasure takes from an event, a page and a table, and what it leaves."""
