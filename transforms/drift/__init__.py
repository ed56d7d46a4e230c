"""Drift: compare the schema of the org with the catalogue, and say what each difference costs."""
