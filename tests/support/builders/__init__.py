"""Builders of test data, and the oracle that checks results."""
