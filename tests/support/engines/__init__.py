"""Engines and services that a test starts."""
