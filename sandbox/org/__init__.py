"""A Salesforce org on one machine: records, change events, sessions and the APIs in front of
them.
"""
