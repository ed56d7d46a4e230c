"""Transactions, parameters, rights and cursors."""

from tests.sandbox.redshift.families.family import Family, words

_LEVELS = ["SERIALIZABLE", "READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ"]
_PARAMETERS = {
    "analyze_threshold_percent": "10", "datestyle": "'ISO, MDY'", "enable_result_cache_for_session": "off",
    "extra_float_digits": "2", "query_group": "'x'", "search_path": "'a'", "statement_timeout": "5000",
    "timezone": "'UTC'", "wlm_query_slot_count": "2", "enable_vacuum_boost": "off", "use_fips_ssl": "off",
    "mv_enable_aqmv_for_session": "on", "spectrum_enable_pseudo_columns": "on",
}  # fmt: skip
_POSTGRES_ALONE = words(
    """
    work_mem shared_buffers enable_seqscan enable_hashjoin enable_nestloop enable_mergejoin enable_sort
    random_page_cost seq_page_cost effective_cache_size maintenance_work_mem default_statistics_target lock_timeout
    idle_in_transaction_session_timeout synchronous_commit wal_level max_connections autovacuum fsync
    checkpoint_timeout log_statement deadlock_timeout jit max_parallel_workers plan_cache_mode row_security
    temp_buffers bytea_output xmloption vacuum_cost_delay tcp_keepalives_idle nonsense
    """
)
_RIGHTS = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "DROP",
    "REFERENCES",
    "SELECT, INSERT",
    "ALL",
    "ALL PRIVILEGES",
]

FAMILIES = (
    Family(
        "beginnings",
        "r_BEGIN",
        ["BEGIN{word}{level}{access}"],
        {
            "word": ["", " WORK", " TRANSACTION"],
            "level": ["", *(f" ISOLATION LEVEL {each}" for each in _LEVELS)],
            "access": ["", " READ WRITE", " READ ONLY"],
        },
    ),
    Family(
        "starts",
        "r_BEGIN",
        ["START TRANSACTION{level}{access}"],
        {
            "level": ["", *(f" ISOLATION LEVEL {each}" for each in _LEVELS)],
            "access": ["", " READ WRITE", " READ ONLY"],
        },
    ),
    Family(
        "ends",
        "r_COMMIT",
        ["{verb}{word}"],
        {"verb": words("COMMIT END ROLLBACK ABORT"), "word": ["", " WORK", " TRANSACTION"]},
    ),
    Family(
        "beginnings of PostgreSQL alone",
        "r_BEGIN",
        ["BEGIN {word}", "BEGIN WORK {word}", "START TRANSACTION {word}"],
        {
            "word": [
                "DEFERRABLE",
                "NOT DEFERRABLE",
                "ISOLATION LEVEL CHAOS",
                "READ SOMETIMES",
                "ISOLATION SERIALIZABLE",
            ]
        },
        rule="begin",
    ),
    Family(
        "savepoints",
        "c_unsupported-postgresql-features",
        [
            "SAVEPOINT {name}",
            "RELEASE {name}",
            "RELEASE SAVEPOINT {name}",
            "ROLLBACK TO {name}",
            "ROLLBACK TO SAVEPOINT {name}",
            "ROLLBACK TRANSACTION TO {name}",
        ],
        {"name": ["a", "b1", "my_savepoint", '"X"']},
        rule="savepoint",
    ),
    Family(
        "locks",
        "r_LOCK",
        ["LOCK {names}", "LOCK TABLE {names}"],
        {"names": ["t", "s.t", "t, u", "s.t, u, v"]},
    ),
    Family(
        "locks with a mode",
        "r_LOCK",
        ["LOCK {name} IN {mode} MODE", "LOCK TABLE {name} IN {mode} MODE NOWAIT", "LOCK TABLE {name} NOWAIT"],
        {
            "name": ["t", "s.t"],
            "mode": [
                "ACCESS SHARE",
                "ROW SHARE",
                "ROW EXCLUSIVE",
                "SHARE UPDATE EXCLUSIVE",
                "SHARE",
                "SHARE ROW EXCLUSIVE",
                "EXCLUSIVE",
                "ACCESS EXCLUSIVE",
            ],
        },
        rule="lock",
    ),
    *(
        Family(
            f"the parameter {name}",
            "cm_chap_ConfigurationRef",
            [
                "SET {name} TO {value}",
                "SET {name} = {value}",
                "SET SESSION {name} TO {value}",
                "SET LOCAL {name} TO {value}",
                "SET {name} TO DEFAULT",
                "RESET {name}",
                "SHOW {name}",
            ],
            {"name": [name], "value": [value]},
        )
        for name, value in _PARAMETERS.items()
    ),
    Family(
        "variables of a session's context",
        "r_SET",
        [
            "SET {name} TO {value}",
            "SET SESSION {name} = {value}",
            "RESET {name}",
            "SHOW {name}",
            "SET SEED TO {number}",
        ],
        {"name": ["app.user_id", "app_context.tenant"], "value": ["'5'", "5"], "number": ["0.5", "0.1"]},
    ),
    Family(
        "parameters of PostgreSQL alone",
        "cm_chap_ConfigurationRef",
        ["SET {name} TO 1", "SET {name} = 'x'", "SET LOCAL {name} TO DEFAULT", "RESET {name}", "SHOW {name}"],
        {"name": _POSTGRES_ALONE},
        rule="parameter",
    ),
    Family(
        "rights on tables",
        "r_GRANT",
        ["GRANT {rights} ON {what} TO {who}", "REVOKE {rights} ON {what} FROM {who}"],
        {"rights": _RIGHTS, "what": ["t", "TABLE s.t"], "who": ["u", "GROUP g", "PUBLIC"]},
    ),
    Family(
        "rights on more",
        "r_GRANT",
        ["GRANT {right} TO u", "REVOKE {right} FROM u"],
        {
            "right": [
                "USAGE ON SCHEMA s",
                "CREATE ON SCHEMA s",
                "CREATE, USAGE ON SCHEMA s, r",
                "ALL ON SCHEMA s",
                "TEMP ON DATABASE d",
                "CREATE ON DATABASE d",
                "SELECT ON ALL TABLES IN SCHEMA s",
                "SELECT (a) ON t",
                "SELECT (a, b) ON t",
                "UPDATE (a) ON t",
            ]
        },
    ),
    Family(
        "rights of PostgreSQL alone",
        "r_GRANT",
        ["GRANT {right} ON {table} TO u", "REVOKE {right} ON {table} FROM u"],
        {"right": words("TRIGGER MAINTAIN CONNECT SET EXPLODE"), "table": ["t", "s.t"]},
        rule="grant",
    ),
    Family(
        "cursors",
        "declare",
        [
            "DECLARE {name} CURSOR FOR SELECT a FROM t",
            "FETCH {count} FROM {name}",
            "FETCH FROM {name}",
            "CLOSE {name}",
        ],
        {"name": ["c", "my_cursor"], "count": ["NEXT", "ALL", "FORWARD", "FORWARD 5", "FORWARD ALL"]},
    ),
    Family(
        "cursors of PostgreSQL alone",
        "declare",
        ["DECLARE c {kind} CURSOR FOR SELECT 1", "DECLARE c CURSOR {hold} FOR SELECT 1"],
        {"kind": ["SCROLL", "NO SCROLL", "INSENSITIVE", "BINARY", "ASENSITIVE"], "hold": ["WITH HOLD"]},
        rule="declare",
    ),
    Family(
        "fetches that go back",
        "fetch",
        ["FETCH {how} FROM c"],
        {
            "how": [
                "PRIOR",
                "FIRST",
                "LAST",
                "ABSOLUTE 5",
                "RELATIVE 5",
                "BACKWARD",
                "BACKWARD 5",
                "BACKWARD ALL",
            ]
        },
        rule="fetch",
    ),
    Family(
        "plans with options",
        "r_EXPLAIN",
        ["EXPLAIN {option} {query}"],
        {
            "option": [
                "ANALYZE",
                "ANALYZE VERBOSE",
                "(ANALYZE)",
                "(FORMAT JSON)",
                "(COSTS OFF)",
                "(BUFFERS)",
            ],
            "query": ["SELECT 1", "SELECT a FROM t", "DELETE FROM t"],
        },
        rule="explain",
    ),
    Family(
        "statements of PostgreSQL alone",
        "c_SQL_commands",
        ["{text}"],
        {
            "text": [
                "LISTEN x",
                "UNLISTEN x",
                "NOTIFY x",
                "NOTIFY x, 'y'",
                "DO 'x'",
                "CLUSTER t",
                "CLUSTER",
                "REINDEX TABLE t",
                "REINDEX DATABASE d",
                "CHECKPOINT",
                "LOAD 'x'",
                "DISCARD ALL",
                "REASSIGN OWNED BY u TO v",
                "SECURITY LABEL ON TABLE t IS 'x'",
                "IMPORT FOREIGN SCHEMA s FROM SERVER x INTO y",
                "MOVE NEXT FROM c",
                "VALUES (1)",
                "TABLE t",
            ]
        },
        rule="unknown-statement",
    ),
)
