"""From the answers of a look to states and problems."""
