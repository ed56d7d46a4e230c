"""Salesforce's limits, each with its unit and its source. Client and sandbox use the same
numbers.
"""

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
REQUEST_MAX_BYTES = 50 * 2**20
"""Of any request but the data of a bulk job (SOAP API Developer Guide, "ExceptionCode":
EXCEEDED_MAX_SIZE_REQUEST).
"""
QUERY_ADDRESS_MAX_BYTES = URI_MAX_BYTES // 2
"""Of an address with a query: the same page recommends to leave the headers some 8,000 bytes. A
longer query goes as a subrequest of a composite call, which is one call, too.
"""
QUERY_VISIBILITY_LAG = timedelta(seconds=5)
"""How long after its commit a row may be missing from queries. Our own allowance: orgs show 1 to 3
s, and no page gives a bound.
"""
SESSION_LIFE = timedelta(hours=2)
"""Default session timeout, counted from the last use."""

API_USAGE_LAG = timedelta(seconds=15)
"""How far the count in a response's Sforce-Limit-Info header is taken to be behind: our own
allowance for calls under way and for clocks that differ; the header itself is exact (REST API
Developer Guide, "Limit Info Header").
"""
LIMITS_LAG = timedelta(minutes=5)
"""How far the Limits API may be behind (REST API Developer Guide, "Limits")."""

CLOCK_ALLOWANCE = timedelta(minutes=5)
"""How far a commit time may lie ahead of the worker that received it. Our own: an org's clock and
ours are kept by NTP, and a change from the future would stand above every later one of its
record.
"""

# --- Edition allocations: Salesforce Developer Limits and Allocations Quick Reference
DAILY_API_REQUESTS = {"developer": 15_000, "enterprise": 100_000, "unlimited": 100_000}
"""Calls a rolling 24 h without licences; a licence adds 1,000 (enterprise) or 5,000 (unlimited)."""
DAILY_API_REQUESTS_PER_LICENCE = {"developer": 0, "enterprise": 1_000, "unlimited": 5_000}
HOURLY_PUBLISHED_EVENTS = 250_000
"""Platform events that an org may publish in an hour (Platform Events Developer Guide, "Platform
Event Allocations").
"""
DAILY_DELIVERED_EVENTS = {"developer": 10_000, "enterprise": 25_000, "unlimited": 50_000}
"""Delivered events a rolling 24 h over all subscribers (Change Data Capture Developer Guide,
"Allocations").
"""
COMETD_CLIENTS = {"developer": 20, "enterprise": 1_000, "unlimited": 2_000}

# --- Change Data Capture: Change Data Capture Developer Guide
EVENT_RETENTION = timedelta(hours=72)
"""How long the event bus holds events for replay ("Change Event Storage and Delivery")."""
EVENT_MAX_BYTES = 1_000_000
"""Beyond it a gap event is sent instead ("Gap Events")."""
DIFF_MIN_CHARACTERS = 1_000
"""An update of a longer text is sent as a unified diff ("Change Events for Large Text Fields")."""
MERGE_WINDOW = timedelta(seconds=1)
"""The same change to several records of one object in one transaction within it is one event
("Merged Change Events").
"""
TRANSACTION_OVERFLOW_CHANGES = 100_000
"""More changes than this in one transaction end in GAP_OVERFLOW."""

# --- CometD: Streaming API Developer Guide, "Clients and Timeouts", "Streaming API Error Codes"
COMETD_CONNECT_TIMEOUT = timedelta(seconds=110)
"""The longest a /meta/connect is held open."""
COMETD_RECONNECT_WINDOW = timedelta(seconds=40)
"""A client that does not connect again within it is forgotten (403::Unknown client)."""
COMETD_MAX_REQUEST_BYTES = 32_768
COMETD_LOOK_AHEAD = 500
"""Events for which tokens are held before a connect is sent. No page says how many an answer may
bring; hundreds are seen.
"""
REPLAY_NEW_EVENTS = -1
REPLAY_ALL_EVENTS = -2

# --- Bulk API 2.0 and 1.0: Bulk API 2.0 and Bulk API Developer Guide, "Limits"
BULK_QUERY_JOBS = 10_000
"""Query jobs a rolling 24 h."""
BULK_QUERY_RESULT_BYTES = 10**12
"""Results of query jobs a rolling 24 h."""
BULK_INGEST_BATCHES = 15_000
"""Batches a rolling 24 h, of Bulk API 1.0 and of 2.0 ingest together."""
BULK_INGEST_ROWS = 150_000_000
"""Rows a rolling 24 h."""
BULK_INGEST_MAX_BYTES = 150_000_000
"""Of one job's CSV."""
BULK_UPLOAD_BYTES = 100_000_000
"""Of one job's CSV as it should be sent: the org holds it as base64, which is half as long again
("Upload Job Data").
"""
BULK_INTERNAL_BATCH_ROWS = 10_000
"""A batch that Bulk API 2.0 makes of an ingest job's rows."""
DML_CHUNK_ROWS = 200
"""Rows that are one transaction inside a batch, and the most that one collections call may write.
"""
BULK_FIELD_MAX_CHARACTERS = 131_072
BULK_RECORD_MAX_CHARACTERS = 400_000
BULK_HEADER_MAX_CHARACTERS = 32_000
BULK_MULTIPART_MAX_CHARACTERS = 100_000
BULK_JOB_LIFE = timedelta(days=7)
BULK_LIST_PAGE = 1_000
"""Jobs in one answer of a list of jobs."""
BULK_RESULT_PAGES = 5
"""Addresses in one answer of resultPages (v58.0)."""
BULK_V1_BATCH_BYTES = 10_000_000
BULK_V1_BATCH_ROWS = 10_000
PK_CHUNK_DEFAULT = 100_000
PK_CHUNK_MAX = 250_000

# --- Composite family: REST API Developer Guide, "Composite Resources"
COLLECTION_MAX_ROWS = 200
COLLECTION_MAX_TYPE_CHUNKS = 10
COLLECTION_RETRIEVE_MAX = 2_000
COMPOSITE_MAX_REQUESTS = 25
COMPOSITE_MAX_QUERIES = 5
"""Of the 25, those that may be queries or collections."""
GRAPHS_MAX = 75
GRAPH_NODES_MAX = 500
GRAPH_DEPTH_MAX = 15
GRAPH_KINDS_MAX = 15
GRAPH_FAILURES_MAX = 14
TREE_MAX_ROWS = 200
TREE_MAX_TYPES = 5
TREE_MAX_DEPTH = 5

# --- Replication calls: REST API Developer Guide, "Get Updated" and "Get Deleted"
UPDATED_MAX_AGE = timedelta(days=30)
DELETED_MAX_AGE = timedelta(days=15)
"""Also how long a record stays in the recycle bin."""
REPLICATION_MAX_IDS = 600_000

# --- Long-running calls: Salesforce Developer Limits, "API Requests"
LONG_CALL = timedelta(seconds=20)
"""A call that takes longer counts against the concurrency limit."""
LONG_CALLS_AT_ONCE = {"developer": 5, "enterprise": 25, "unlimited": 25}
LOCK_WAIT = timedelta(seconds=10)
"""How long a write waits for another's lock before UNABLE_TO_LOCK_ROW."""

# --- Pub/Sub API: Pub/Sub API Guide, "Allocations" and "Flow Control"
PUBSUB_MAX_OUTSTANDING = 100
"""Events that a subscription may have asked for and not yet received."""
PUBSUB_KEEPALIVE = timedelta(seconds=270)
PUBSUB_NO_DEMAND = timedelta(seconds=70)
PUBSUB_PUBLISH_MAX_BYTES = 4 * 2**20
MANAGED_SUBSCRIPTIONS_MAX = 200

# --- Channels: Change Data Capture Developer Guide, "Allocations" and "Enrichment"
CUSTOM_CHANNELS_MAX = 100
SELECTED_ENTITIES_MAX = 5
"""Objects that may be selected for change events without the add-on."""
ENRICHED_FIELDS_MAX = 10
"""Fields that a channel member may be enriched with."""

# --- Clocks: ours, not a page's
CLOCK_SKEW_WARNING = timedelta(seconds=5)
"""Between the org's `Date` header and our clock: polls follow the org's clock, freshness is
measured by ours.
"""
CLOCK_SKEW_WRONG = timedelta(seconds=60)
"""A JWT assertion lives three minutes, and change times ahead of our clock by minutes are refused.
"""
