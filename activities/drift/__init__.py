"""Activities of drift: check the schema and read new fields."""
