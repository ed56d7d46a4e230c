"""Change events over the Pub/Sub API: gRPC, Avro, and a client that says how many events it can
take.
"""
