"""tidegate plan and planner: how objects are followed."""
