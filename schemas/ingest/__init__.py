"""Messages and positions of ingest: the rows and events that come in."""
