"""tidegate webhook …: changes that are posted to receivers."""
