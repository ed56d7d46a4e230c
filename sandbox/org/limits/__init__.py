"""Limits of the org and their meters."""
