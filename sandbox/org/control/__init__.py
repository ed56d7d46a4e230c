"""The control plane, which Salesforce does not have: handles by which tests and the supervisor move
the org.
"""
