"""The audit log's anchors: signed heads under Object Lock, and the log held against them."""
