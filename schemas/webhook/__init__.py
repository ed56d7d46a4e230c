"""Webhooks: what is stored of them, and the messages of their delivery."""
