"""The read copy: filled from the warehouse, and compared with it."""
