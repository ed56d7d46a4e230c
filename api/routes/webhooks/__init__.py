"""Webhooks: their control over HTTP."""
