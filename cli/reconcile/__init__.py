"""The command `reconcile`."""
