"""Change events of the org and the bus that carries them."""
