"""Statements about a session and its transactions, and the care of tables."""

from sandbox.redshift.plan.plans import Ends, Kind, Plan, RefusedError
from sandbox.redshift.rules.cursor import Cursor
from sandbox.redshift.rules.lexer import Statement
from sandbox.redshift.rules.rule import UNDEFINED_OBJECT, UNSUPPORTED, gap, rule

SAVEPOINT = rule(
    "savepoint", "transactions", "There are no savepoints.", "c_unsupported-postgresql-features", UNSUPPORTED
)
BEGIN = rule(
    "begin", "transactions", "BEGIN takes an isolation level and READ WRITE or READ ONLY.", "r_BEGIN"
)
LOCK = rule("lock", "transactions", "LOCK takes tables and no mode: it is ACCESS EXCLUSIVE.", "r_LOCK")
VACUUM = rule(
    "vacuum",
    "care",
    "VACUUM has FULL, SORT ONLY, DELETE ONLY, REINDEX or RECLUSTER, TO … PERCENT and BOOST.",
    "r_VACUUM_command",
)
ANALYZE = rule(
    "analyze", "care", "ANALYZE has a table, its columns, and PREDICATE or ALL COLUMNS.", "r_ANALYZE"
)
PARAMETER = rule(
    "parameter",
    "session",
    "A parameter that is not in the configuration reference is refused.",
    "cm_chap_ConfigurationRef",
    UNDEFINED_OBJECT,
)
SET_VALUE = rule("set-value", "session", "SET has a value, or TO DEFAULT.", "r_SET")
VALUE_GAP = gap(
    "set-value-gap",
    "session",
    "Settings that change results: errors of nondeterministic updates, case-sensitive names, names in capitals.",
    "cm_chap_ConfigurationRef",
)
SHOW = gap(
    "show-objects", "session", "SHOW TABLES, COLUMNS, SCHEMAS, DATABASES, GRANTS, TABLE, VIEW.", "r_SHOW"
)
DEALLOCATE_ALL = rule("deallocate-all", "session", "DEALLOCATE names one plan.", "r_DEALLOCATE")
EXPLAIN = rule("explain", "session", "EXPLAIN has VERBOSE and no other option.", "r_EXPLAIN")
_POSTGRES = {
    "search_path", "datestyle", "timezone", "statement_timeout", "extra_float_digits", "client_encoding",
    "application_name", "client_min_messages", "intervalstyle", "seed",
}  # fmt: skip
_KEPT = {
    "query_group", "enable_result_cache_for_session", "wlm_query_slot_count", "analyze_threshold_percent",
    "enable_case_sensitive_identifier", "error_on_nondeterministic_update", "describe_field_name_in_uppercase",
    "json_serialization_enable", "json_serialization_parse_nested_strings", "navigate_super_null_on_error",
    "cast_super_null_on_error", "max_concurrency_scaling_clusters", "max_cursor_result_set_size", "mv_enable_aqmv_for_session",
    "spectrum_enable_pseudo_columns", "stored_proc_log_min_messages", "use_fips_ssl", "auto_analyze", "enable_numeric_rounding",
    "enable_vacuum_boost", "default_geometry_encoding", "downcase_delimited_identifier", "wlm_json_configuration",
    "pg_federation_repeatable_read", "session_context",
}  # fmt: skip
_OFF, _ON = ("off", "false", "0", "no"), ("on", "true", "1", "yes")
_FIXED = {
    "error_on_nondeterministic_update": _OFF,
    "enable_case_sensitive_identifier": _OFF,
    "describe_field_name_in_uppercase": _OFF,
    "downcase_delimited_identifier": _ON,
    "json_serialization_enable": _OFF,
    "cast_super_null_on_error": _ON,
}
"""Settings that would change results, with the values that the stand-in has."""
_LEVELS = (
    ("SERIALIZABLE",),
    ("READ", "COMMITTED"),
    ("READ", "UNCOMMITTED"),
    ("REPEATABLE", "READ"),
    ("SNAPSHOT",),
)


def plan_begin(statement: Statement) -> Plan:
    """BEGIN and START TRANSACTION. Each level of isolation is the database's own."""
    cursor = Cursor(statement, BEGIN)
    if cursor.take("START"):
        cursor.need("TRANSACTION")
    else:
        cursor.need("BEGIN")
        cursor.one_of("WORK", "TRANSACTION")
    if cursor.take("ISOLATION", "LEVEL") and not any(cursor.take(*words) for words in _LEVELS):
        raise cursor.fail()
    cursor.take(",")
    access = cursor.take("READ") and cursor.one_of("ONLY", "WRITE")
    cursor.end()
    text = f"BEGIN{f' READ {access}' if access else ''}"
    return Plan(Kind.FORWARD, text, "BEGIN", tag="BEGIN", ends=Ends.BEGINS)


def plan_end(statement: Statement) -> Plan:
    """COMMIT, END, ROLLBACK, ABORT."""
    cursor = Cursor(statement, SAVEPOINT)
    is_commit = cursor.one_of("COMMIT", "END") != ""
    if not is_commit:
        cursor.one_of("ROLLBACK", "ABORT")
    cursor.one_of("WORK", "TRANSACTION")
    if cursor.word in ("TO", "AND", "PREPARED"):
        raise RefusedError(SAVEPOINT, f'syntax error at or near "{cursor.word}"')
    cursor.end()
    ends = Ends.COMMITS if is_commit else Ends.ROLLS_BACK
    return Plan(
        Kind.FORWARD, "COMMIT" if is_commit else "ROLLBACK", "COMMIT" if is_commit else "ROLLBACK", ends=ends
    )


def plan_savepoint(statement: Statement) -> Plan:
    """SAVEPOINT and RELEASE, which are refused."""
    raise RefusedError(SAVEPOINT, f'SQL command "{statement.text[:40]}" not supported')


def plan_lock(statement: Statement) -> Plan:
    """LOCK, which takes no snapshot."""
    cursor = Cursor(statement, LOCK)
    cursor.need("LOCK")
    cursor.take("TABLE")
    names = [cursor.dotted()]
    while cursor.take(","):
        names.append(cursor.dotted())
    cursor.end()
    return Plan(
        Kind.FORWARD, f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE", "LOCK", tag="LOCK TABLE"
    )


def plan_vacuum(statement: Statement) -> Plan:
    """VACUUM, which runs alone."""
    cursor = Cursor(statement, VACUUM)
    cursor.need("VACUUM")
    if cursor.take("SORT") or cursor.take("DELETE"):
        cursor.need("ONLY")
    else:
        cursor.one_of("FULL", "REINDEX", "RECLUSTER")
    name = ""
    if not cursor.is_at_end and cursor.word != "BOOST":
        name = cursor.dotted()
    if cursor.take("TO"):
        if not name or not 0 <= cursor.number() <= 100:
            raise cursor.fail()
        cursor.need("PERCENT")
    cursor.take("BOOST")
    cursor.end()
    return Plan(Kind.FORWARD, f"VACUUM {name}".rstrip(), "VACUUM", tag="VACUUM", ends=Ends.ALONE)


def plan_analyze(statement: Statement) -> Plan:
    """ANALYZE; ANALYZE COMPRESSION is a gap."""
    cursor = Cursor(statement, ANALYZE)
    if not cursor.one_of("ANALYZE", "ANALYSE"):
        raise cursor.fail()
    cursor.take("VERBOSE")
    name = "" if cursor.is_at_end else cursor.dotted()
    columns = f" ({', '.join(cursor.names())})" if cursor.word == "(" else ""
    if cursor.one_of("PREDICATE", "ALL"):
        cursor.need("COLUMNS")
    cursor.end()
    return Plan(Kind.FORWARD, f"ANALYZE {name}{columns}".rstrip(), "ANALYZE", tag="ANALYZE")


def plan_set(statement: Statement) -> Plan:
    """SET, RESET and SHOW of parameters."""
    cursor = Cursor(statement, SET_VALUE)
    verb = cursor.one_of("SET", "RESET", "SHOW")
    if verb == "SET":
        cursor.one_of("SESSION", "LOCAL")
        if cursor.take("AUTHORIZATION"):
            return Plan(Kind.FORWARD, statement.text, "SET SESSION AUTHORIZATION")
        if cursor.take("CHARACTERISTICS", "AS"):
            cursor.need("TRANSACTION")
            return Plan(Kind.FORWARD, "SET stand_in.nothing TO 'on'", "SET", tag="SET")
    if verb != "SET" and cursor.take("ALL"):
        return Plan(Kind.FORWARD, statement.text, verb)
    if verb == "SHOW" and cursor.word in (
        "TABLES",
        "COLUMNS",
        "SCHEMAS",
        "DATABASES",
        "GRANTS",
        "TABLE",
        "VIEW",
        "DATASHARES",
    ):
        raise RefusedError(SHOW, f"the stand-in has no SHOW {cursor.word}")
    if verb == "SHOW" and cursor.take("TRANSACTION", "ISOLATION", "LEVEL"):
        text = "SELECT 'Serializable'::varchar AS transaction_isolation"
        return Plan(Kind.REWRITE, text, "SHOW", tag="SHOW")
    name = cursor.token().text.lower()
    cursor.place += 1
    if cursor.take("."):
        return _variable(cursor, verb, f"{name}.{cursor.name()}")
    if verb == "SET" and name == "time" and cursor.take("ZONE"):
        return Plan(Kind.FORWARD, statement.text, "SET", tag="SET")
    return _parameter(cursor, verb, name)


def _variable(cursor: Cursor, verb: str, name: str) -> Plan:
    """A variable of the session's context, which has a dot; PostgreSQL has such settings as
    well.
    """
    value = ""
    if verb == "SET":
        if not cursor.one_of("TO", "=") or not (value := cursor.rest()):
            raise cursor.fail()
        value = f" TO {value}"
    else:
        cursor.end()
    return Plan(Kind.FORWARD, f"{verb} {name}{value}", verb, tag=verb)


def _parameter(cursor: Cursor, verb: str, name: str) -> Plan:
    if name not in _POSTGRES | _KEPT and name not in (
        "transaction_isolation",
        "server_version",
        "is_superuser",
    ):
        raise RefusedError(PARAMETER, f'unrecognized configuration parameter "{name}"')
    known = f"stand_in.{name}" if name in _KEPT else name
    if verb != "SET":
        cursor.end()
        return Plan(Kind.FORWARD, f"{verb} {known}", verb, tag=verb)
    if not cursor.one_of("TO", "="):
        raise cursor.fail()
    value = cursor.rest()
    if not value:
        raise cursor.fail()
    if name in _FIXED and value.strip("'\"").lower() not in (*_FIXED[name], "default"):
        raise RefusedError(VALUE_GAP, f"the stand-in has no {name} = {value}")
    if name == "client_encoding" and value.strip("'\"").lower() in ("unicode", "utf8", "utf-8"):
        value = "'UTF8'"
    return Plan(Kind.FORWARD, f"SET {known} TO {value}", "SET", tag="SET")


def plan_deallocate(statement: Statement) -> Plan:
    """DEALLOCATE of one plan."""
    cursor = Cursor(statement, DEALLOCATE_ALL)
    cursor.need("DEALLOCATE")
    cursor.take("PREPARE")
    cursor.name()
    cursor.end()
    return Plan(Kind.FORWARD, statement.text, "DEALLOCATE")


def explained(statement: Statement) -> str:
    """The statement that EXPLAIN is of."""
    cursor = Cursor(statement, EXPLAIN)
    cursor.need("EXPLAIN")
    cursor.take("VERBOSE")
    if cursor.word not in ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "CREATE"):
        raise cursor.fail()
    return cursor.rest()
