"""Activities of ingest: follow or poll a lane and land its batches."""
