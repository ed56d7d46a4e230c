"""The Pub/Sub API beside clients of others: `python -m benchmarks.pubsub`."""
