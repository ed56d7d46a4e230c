"""Processes: settings -> clients -> activities -> a worker."""
