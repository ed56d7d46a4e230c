"""Activities of reconcile: compare the warehouse with the org and report the differences."""
