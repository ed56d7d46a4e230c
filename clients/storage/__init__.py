"""Object storage: landed batches in a chain, encrypted with a data key."""
