"""What happens in a schedule beside the acts of users: to the quota, the schema, persons, keys."""
