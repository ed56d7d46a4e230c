"""Salesforce's limits, each with its unit and its source. Client and sandbox use the same numbers."""

from datetime import timedelta

API_VERSION = "67.0"
"""The version Tidegate speaks (Summer '26). The sandbox serves it and older ones."""

# --- REST: REST API Developer Guide, "Query", "Query Options Header", "SOQL and SOSL limits"
QUERY_PAGE_DEFAULT = 2_000
"""Rows of a query page unless `Sforce-Query-Options: batchSize` asks otherwise."""
QUERY_PAGE_MIN = 200
QUERY_PAGE_MAX = 2_000
QUERY_LOCATOR_LIFE = timedelta(days=2)
SOQL_MAX_CHARACTERS = 100_000
SOQL_MAX_OFFSET = 2_000
URI_MAX_BYTES = 16_384
"""URI and headers together; beyond it 414 or 431 (Salesforce Developer Limits, "API Requests")."""
SESSION_LIFE = timedelta(hours=2)
"""Default session timeout, counted from the last use."""

# --- Edition allocations: Salesforce Developer Limits and Allocations Quick Reference
DAILY_API_REQUESTS = {"developer": 15_000, "enterprise": 100_000, "unlimited": 100_000}
"""Calls a rolling 24 h without licences; a licence adds 1,000 (enterprise) or 5,000 (unlimited)."""
DAILY_API_REQUESTS_PER_LICENCE = {"developer": 0, "enterprise": 1_000, "unlimited": 5_000}
DAILY_DELIVERED_EVENTS = {"developer": 10_000, "enterprise": 25_000, "unlimited": 50_000}
"""Delivered events a rolling 24 h over all subscribers (Change Data Capture Developer Guide, "Allocations")."""
COMETD_CLIENTS = {"developer": 20, "enterprise": 1_000, "unlimited": 2_000}

# --- Change Data Capture: Change Data Capture Developer Guide
EVENT_RETENTION = timedelta(hours=72)
"""How long the event bus holds events for replay ("Change Event Storage and Delivery")."""
EVENT_MAX_BYTES = 1_000_000
"""Beyond it a gap event is sent instead ("Gap Events")."""
DIFF_MIN_CHARACTERS = 1_000
"""An update of a longer text is sent as a unified diff ("Change Events for Large Text Fields")."""
MERGE_WINDOW = timedelta(seconds=1)
"""The same change to several records of one object in one transaction within it is one event ("Merged Change Events")."""
TRANSACTION_OVERFLOW_CHANGES = 100_000
"""More changes than this in one transaction end in GAP_OVERFLOW."""

# --- CometD: Streaming API Developer Guide, "Clients and Timeouts", "Streaming API Error Codes"
COMETD_CONNECT_TIMEOUT = timedelta(seconds=110)
"""The longest a /meta/connect is held open."""
COMETD_RECONNECT_WINDOW = timedelta(seconds=40)
"""A client that does not connect again within it is forgotten (403::Unknown client)."""
COMETD_MAX_REQUEST_BYTES = 32_768
REPLAY_NEW_EVENTS = -1
REPLAY_ALL_EVENTS = -2
