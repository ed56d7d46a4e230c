"""Activities of apply: stage a batch, and apply it to the warehouse unless its object is held."""
