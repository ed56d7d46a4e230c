"""The planner: choose for every object the lane that fits the budget."""
