"""Keys, anchors, authors and retention, from settings."""
