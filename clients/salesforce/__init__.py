"""Salesforce: every call that the engine makes to an org."""
