"""tidegate erase."""
