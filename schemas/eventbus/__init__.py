"""The Pub/Sub API's messages and service. `pubsub_api.proto` is the source; the rest of this folder is generated from it."""
