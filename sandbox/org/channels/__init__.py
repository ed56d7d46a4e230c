"""Channels and their members, and how an event of the bus becomes a subscriber's message."""
