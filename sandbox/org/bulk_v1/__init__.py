"""Bulk API 1.0: jobs made of batches, at `/services/async`."""
