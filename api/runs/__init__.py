"""Runs: their kinds, models and routes."""
