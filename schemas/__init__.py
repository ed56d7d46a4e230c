"""Types and constants: the object catalogue, table and file layouts, errors, limits, stored names.
No I/O but the catalogue file.
"""
