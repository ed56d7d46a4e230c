"""SQL text that the warehouse runs, one file a capability."""
