"""One remote system each: speaks its protocol, translates its errors, knows nothing of
workflows.
"""
