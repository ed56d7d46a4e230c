"""What Salesforce does not have: the handles by which tests and the supervisor move the org."""
