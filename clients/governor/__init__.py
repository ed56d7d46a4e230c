"""Leases of calls and events from the governor."""
