"""Activities of the planner: look at the lanes and make a plan."""
