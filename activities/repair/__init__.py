"""Activities of repair: find deleted records and read records again."""
