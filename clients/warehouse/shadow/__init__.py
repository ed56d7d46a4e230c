"""Shadow schemas of a replay: make them and compare them with the live tables."""
