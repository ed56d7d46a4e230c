"""Reconcile: compare the warehouse with the org by bucket, then by row."""
