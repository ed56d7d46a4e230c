"""What each role's processes ask of S3 and KMS, recorded, and held against their IAM policies."""
