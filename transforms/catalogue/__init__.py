"""The catalogue: derive its entries and write it as text."""
