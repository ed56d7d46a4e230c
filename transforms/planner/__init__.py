"""The planner: choose a way to follow each object, within the budgets."""
