"""Acts beside those of users: on the quota, the schema, persons and keys."""
