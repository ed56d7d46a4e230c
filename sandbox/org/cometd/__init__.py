"""Change events over CometD (Bayeux long polling), as the Streaming API serves them."""
