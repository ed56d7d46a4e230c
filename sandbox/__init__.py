"""Everything remote, on one machine: a Salesforce org, S3 and KMS, a warehouse, a Temporal
server.
"""
