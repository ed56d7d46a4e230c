"""The org as a whole: transactions, DML, changes of its schema."""
