"""What things are: the object catalogue, table and file layouts, errors, limits, stored names. No I/O but the catalogue file."""
