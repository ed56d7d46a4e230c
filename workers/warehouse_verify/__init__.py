"""Ask a warehouse whether it does what the adapter relies on: `tidegate warehouse verify`."""
