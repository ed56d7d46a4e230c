"""tidegate deployment: the versions of the workers, and the one that takes the work."""
