"""Scripted activities: they answer as the test says."""
