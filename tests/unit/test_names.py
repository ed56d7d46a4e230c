"""Names that are stored never change: a renamed one orphans every history, bucket and table that
carries the old one.

When a test here fails because a name was added, add it to the list. When one was changed, change
it back.
"""

from schemas import names

FROZEN = {
    "NAMESPACE": "default",
    "ORIGIN_HEADER": "tidegate-origin",
    "LANE_WORKFLOW": "lane",
    "CHANGE_BATCH_WORKFLOW": "change-batch",
    "GOVERNOR_WORKFLOW": "governor",
    "PLANNER_WORKFLOW": "planner",
    "BACKFILL_WORKFLOW": "backfill",
    "REPLAY_WORKFLOW": "replay",
    "RECONCILE_WORKFLOW": "reconcile",
    "REPAIR_WORKFLOW": "repair",
    "WRITEBACK_QUEUE_WORKFLOW": "writeback-queue",
    "WRITEBACK_BATCH_WORKFLOW": "writeback-batch",
    "WRITEBACK_PREVIEW_WORKFLOW": "writeback-preview",
    "DRIFT_WORKFLOW": "drift",
    "REFRESH_WORKFLOW": "refresh",
    "ERASURE_WORKFLOW": "erasure",
    "RETENTION_WORKFLOW": "retention",
    "ROTATE_KEYS_WORKFLOW": "rotate-keys",
    "MODEL_WORKFLOW": "model",
    "EXPORT_WORKFLOW": "export",
    "WEBHOOK_WORKFLOW": "webhook",
    "FOLLOW_LANE": "follow_lane",
    "STAGE_BATCH": "stage_batch",
    "APPLY_BATCH": "apply_batch",
    "APPLY_OBJECTS": "apply_objects",
    "RECORD_ACT": "record_act",
    "READ_LIMITS": "read_limits",
    "POLL_LANE": "poll_lane",
    "DRAW_PLAN": "draw_plan",
    "WATCH_LANES": "watch_lanes",
    "OPEN_LANE": "open_lane",
    "FIND_LANE_END": "find_lane_end",
    "PLAN_BACKFILL": "plan_backfill",
    "READ_PART": "read_part",
    "READ_RECORDS": "read_records",
    "DROP_JOB": "drop_job",
    "KEEP_RATE": "keep_rate",
    "SIZE_REPLAY": "size_replay",
    "FIND_BATCHES": "find_batches",
    "REDRIVE_BATCHES": "redrive_batches",
    "CHECK_LOG": "check_log",
    "ASK_BUCKETS": "ask_buckets",
    "COMPARE_BUCKETS": "compare_buckets",
    "READ_FACTS": "read_facts",
    "COMPARE_FACTS": "compare_facts",
    "KEEP_REPORT": "keep_report",
    "FIND_REREADS": "find_rereads",
    "FIND_DELETED": "find_deleted",
    "CLOSE_REREADS": "close_rereads",
    "FORM_WRITEBACKS": "form_writebacks",
    "SEND_WRITEBACKS": "send_writebacks",
    "LOOK_UP_WRITEBACKS": "look_up_writebacks",
    "SET_WRITEBACK_PAUSE": "set_writeback_pause",
    "FIND_ECHOES": "find_echoes",
    "PREVIEW_WRITEBACKS": "preview_writebacks",
    "FIND_ISOLATED": "find_isolated",
    "SET_ASIDE": "set_aside",
    "CHECK_DRIFT": "check_drift",
    "PLAN_REFRESH": "plan_refresh",
    "READ_FIELDS": "read_fields",
    "END_REFRESH": "end_refresh",
    "SCOPE_ERASURE": "scope_erasure",
    "ERASE_WRITEBACKS": "erase_writebacks",
    "ERASE_FILES": "erase_files",
    "ERASE_RAW": "erase_raw",
    "ERASE_TABLES": "erase_tables",
    "ERASE_ARCHIVE": "erase_archive",
    "CERTIFY_ERASURE": "certify_erasure",
    "PLAN_RETENTION": "plan_retention",
    "DO_RETENTION": "do_retention",
    "BEGIN_ROTATION": "begin_rotation",
    "REENCRYPT_TABLES": "reencrypt_tables",
    "REENCRYPT_LOG": "reencrypt_log",
    "BUILD_MODEL": "build_model",
    "EXPORT_TABLES": "export_tables",
    "DELIVER_CHANGES": "deliver_changes",
    "PAUSE": "pause",
    "RESUME": "resume",
    "SET_EVERY": "set_every",
    "MOVE_POSITION": "move_position",
    "LANE_STATE": "state",
    "EXCHANGE": "exchange",
    "RECHECK": "recheck",
    "ALLOW_STREAMS": "allow_streams",
    "BOOKS": "books",
    "PIN": "pin",
    "UNPIN": "unpin",
    "PLAN": "plan",
    "CANCEL": "cancel",
    "PROGRESS": "progress",
    "LOOK": "look",
    "WAKE": "wake",
    "DRAIN": "drain",
    "WORKFLOW_QUEUE": "tidegate-workflows",
    "LANE_QUEUE": "tidegate-lanes",
    "BATCH_QUEUE": "tidegate-batches",
    "GOVERNOR_QUEUE": "tidegate-governor",
    "ORG_QUEUE": "tidegate-org",
    "BACKFILL_QUEUE": "tidegate-backfill",
    "REPLAY_QUEUE": "tidegate-replay",
    "RECONCILE_QUEUE": "tidegate-reconcile",
    "WRITEBACK_QUEUE": "tidegate-writebacks",
    "ERASURE_QUEUE": "tidegate-erasure",
    "WEBHOOK_QUEUE": "tidegate-webhooks",
    "LANE_MEMO": "Lane",
    "OLDEST_CHANGE_MEMO": "OldestChangeAt",
    "PROGRESS_MEMO": "ProgressAt",
    "SEARCH_ATTRIBUTES": {
        "SfOrg": "Keyword",
        "SfLane": "Keyword",
        "SfObjects": "KeywordList",
        "Stage": "Keyword",
        "Position": "Keyword",
        "Changes": "Int",
        "Quarantined": "Int",
        "Watermark": "Datetime",
    },
}


def stored_names() -> dict[str, object]:
    return {name: value for name, value in vars(names).items() if name.isupper()}


def test_no_stored_name_was_changed_or_removed() -> None:
    present = stored_names()
    assert {name: present.get(name) for name in FROZEN} == FROZEN


def test_a_new_stored_name_is_frozen_too() -> None:
    assert stored_names().keys() - FROZEN.keys() == set()


def test_a_sql_backed_server_has_room_for_the_search_attributes() -> None:
    kinds = list(names.SEARCH_ATTRIBUTES.values())
    assert kinds.count("Keyword") <= 10
    assert all(kinds.count(kind) <= 3 for kind in set(kinds) - {"Keyword"})
