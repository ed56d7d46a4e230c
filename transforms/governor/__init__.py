"""The governor: budgets, the ledger of calls and the forecast of spending."""
