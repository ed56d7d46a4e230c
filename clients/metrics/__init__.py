"""Counts of a process's own work, as Prometheus reads them."""
