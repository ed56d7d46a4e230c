"""Activities of backfill: plan the parts and read them."""
