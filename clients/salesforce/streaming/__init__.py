"""Change events over Pub/Sub and CometD."""
