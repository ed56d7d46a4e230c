"""SOQL: a text becomes a tree, the tree becomes one parameterised SQLite statement."""
