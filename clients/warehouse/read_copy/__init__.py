"""A read copy beside a warehouse that cannot answer reads of single records: a second warehouse, in
PostgreSQL, to which the same staged files are applied by the same code.
"""
