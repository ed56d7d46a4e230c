"""What a process counts of its own work, as Prometheus reads it."""
