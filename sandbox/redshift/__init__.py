"""A stand-in for Amazon Redshift: PostgreSQL behind a proxy that refuses what Redshift refuses.

Each statement gets one plan: it is forwarded, rewritten, carried out here, or refused. What no rule
knows is refused. Each rule names its page of AWS' documentation. The stand-in proves that a
statement is in the documented dialect. It proves neither speed nor what AWS leaves undocumented.
"""
