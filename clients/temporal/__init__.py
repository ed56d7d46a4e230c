"""Temporal: start, signal and question the workflows."""
