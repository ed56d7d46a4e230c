"""The warehouse: one protocol, two adapters (PostgreSQL, Redshift), and the SQL that both
understand.
"""

from clients.warehouse.protocol import Transaction, Warehouse

__all__ = ["Transaction", "Warehouse"]
