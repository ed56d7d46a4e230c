"""Records the calls of each role's processes to S3 and KMS, and holds the roles' IAM policies
against them.
"""
