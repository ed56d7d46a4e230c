"""Names that are stored in histories, tables and buckets: they are data, so they must never change.

A workflow type, signal or search attribute that is renamed orphans every run that carries the
old one. Add, do not rename. `tests/unit/test_names.py` holds the frozen list.
"""

from typing import Final

NAMESPACE: Final = "default"

# Workflow types
LANE_WORKFLOW: Final = "lane"
CHANGE_BATCH_WORKFLOW: Final = "change-batch"
GOVERNOR_WORKFLOW: Final = "governor"
PLANNER_WORKFLOW: Final = "planner"
BACKFILL_WORKFLOW: Final = "backfill"
REPLAY_WORKFLOW: Final = "replay"
RECONCILE_WORKFLOW: Final = "reconcile"
WRITEBACK_QUEUE_WORKFLOW: Final = "writeback-queue"
WRITEBACK_BATCH_WORKFLOW: Final = "writeback-batch"
WRITEBACK_PREVIEW_WORKFLOW: Final = "writeback-preview"
REPAIR_WORKFLOW: Final = "repair"
DRIFT_WORKFLOW: Final = "drift"
REFRESH_WORKFLOW: Final = "refresh"
ERASURE_WORKFLOW: Final = "erasure"
RETENTION_WORKFLOW: Final = "retention"
ROTATE_KEYS_WORKFLOW: Final = "rotate-keys"
MODEL_WORKFLOW: Final = "model"
EXPORT_WORKFLOW: Final = "export"
WEBHOOK_WORKFLOW: Final = "webhook"

# Activities
FOLLOW_LANE: Final = "follow_lane"
STAGE_BATCH: Final = "stage_batch"
APPLY_BATCH: Final = "apply_batch"
APPLY_OBJECTS: Final = "apply_objects"
RECORD_ACT: Final = "record_act"
READ_LIMITS: Final = "read_limits"
POLL_LANE: Final = "poll_lane"
DRAW_PLAN: Final = "draw_plan"
WATCH_LANES: Final = "watch_lanes"
OPEN_LANE: Final = "open_lane"
FIND_LANE_END: Final = "find_lane_end"
PLAN_BACKFILL: Final = "plan_backfill"
READ_PART: Final = "read_part"
READ_RECORDS: Final = "read_records"
DROP_JOB: Final = "drop_job"
KEEP_RATE: Final = "keep_rate"
SIZE_REPLAY: Final = "size_replay"
FIND_BATCHES: Final = "find_batches"
REDRIVE_BATCHES: Final = "redrive_batches"
CHECK_LOG: Final = "check_log"
ASK_BUCKETS: Final = "ask_buckets"
COMPARE_BUCKETS: Final = "compare_buckets"
READ_FACTS: Final = "read_facts"
COMPARE_FACTS: Final = "compare_facts"
SET_ASIDE: Final = "set_aside"
FIND_ISOLATED: Final = "find_isolated"
KEEP_REPORT: Final = "keep_report"
FORM_WRITEBACKS: Final = "form_writebacks"
SEND_WRITEBACKS: Final = "send_writebacks"
LOOK_UP_WRITEBACKS: Final = "look_up_writebacks"
SET_WRITEBACK_PAUSE: Final = "set_writeback_pause"
FIND_ECHOES: Final = "find_echoes"
PREVIEW_WRITEBACKS: Final = "preview_writebacks"
FIND_REREADS: Final = "find_rereads"
FIND_DELETED: Final = "find_deleted"
CLOSE_REREADS: Final = "close_rereads"
CHECK_DRIFT: Final = "check_drift"
PLAN_REFRESH: Final = "plan_refresh"
READ_FIELDS: Final = "read_fields"
END_REFRESH: Final = "end_refresh"
SCOPE_ERASURE: Final = "scope_erasure"
ERASE_WRITEBACKS: Final = "erase_writebacks"
ERASE_FILES: Final = "erase_files"
ERASE_RAW: Final = "erase_raw"
ERASE_TABLES: Final = "erase_tables"
ERASE_ARCHIVE: Final = "erase_archive"
CERTIFY_ERASURE: Final = "certify_erasure"
PLAN_RETENTION: Final = "plan_retention"
DO_RETENTION: Final = "do_retention"
BEGIN_ROTATION: Final = "begin_rotation"
REENCRYPT_TABLES: Final = "reencrypt_tables"
REENCRYPT_LOG: Final = "reencrypt_log"
BUILD_MODEL: Final = "build_model"
EXPORT_TABLES: Final = "export_tables"
DELIVER_CHANGES: Final = "deliver_changes"

# Signals, updates and queries
PAUSE: Final = "pause"
RESUME: Final = "resume"
SET_EVERY: Final = "set_every"
MOVE_POSITION: Final = "move_position"
LANE_STATE: Final = "state"
EXCHANGE: Final = "exchange"
RECHECK: Final = "recheck"
ALLOW_STREAMS: Final = "allow_streams"
BOOKS: Final = "books"
PIN: Final = "pin"
UNPIN: Final = "unpin"
PLAN: Final = "plan"
CANCEL: Final = "cancel"
PROGRESS: Final = "progress"
WAKE: Final = "wake"
DRAIN: Final = "drain"
LOOK: Final = "look"

# Task queues, by what their work waits for
WORKFLOW_QUEUE: Final = "tidegate-workflows"
LANE_QUEUE: Final = "tidegate-lanes"
BATCH_QUEUE: Final = "tidegate-batches"
GOVERNOR_QUEUE: Final = "tidegate-governor"
ORG_QUEUE: Final = "tidegate-org"
BACKFILL_QUEUE: Final = "tidegate-backfill"
REPLAY_QUEUE: Final = "tidegate-replay"
RECONCILE_QUEUE: Final = "tidegate-reconcile"
WRITEBACK_QUEUE: Final = "tidegate-writebacks"
ERASURE_QUEUE: Final = "tidegate-erasure"
WEBHOOK_QUEUE: Final = "tidegate-webhooks"

# Keys of memos
LANE_MEMO: Final = "Lane"
OLDEST_CHANGE_MEMO: Final = "OldestChangeAt"
PROGRESS_MEMO: Final = "ProgressAt"

SEARCH_ATTRIBUTES: Final = {
    "SfOrg": "Keyword",
    "SfLane": "Keyword",
    "SfObjects": "KeywordList",
    "Stage": "Keyword",
    "Position": "Keyword",
    "Changes": "Int",
    "Quarantined": "Int",
    "Watermark": "Datetime",
}
"""Search attribute -> type. A SQL-backed server allows ten Keyword and three of each other type."""

ORIGIN_HEADER: Final = "tidegate-origin"
"""The header of a start, signal or update that says who asks, and proves it."""
