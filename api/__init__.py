"""HTTP for the integration services: the same acts as the command's, with tokens, roles and
idempotency keys.
"""
