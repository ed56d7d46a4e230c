"""Webhooks: the store of hooks and held changes, secrets, and requests to receivers."""
