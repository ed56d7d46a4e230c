"""The warehouse: one protocol, two adapters (PostgreSQL, Redshift), and the SQL that both
understand.
"""

from clients.warehouse.loads import Load
from clients.warehouse.protocol import Transaction, Warehouse

__all__ = ["Load", "Transaction", "Warehouse"]
