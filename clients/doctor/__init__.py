"""What `tidegate doctor` asks: a file a remote. Each reads, or leaves nothing behind, and turns what it finds into findings."""
