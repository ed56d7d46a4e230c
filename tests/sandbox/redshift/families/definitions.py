"""Changes of tables, views and schemas, and the objects that there are not."""

from tests.sandbox.redshift.families.family import Family, lines

_OBJECTS = lines("""
    INDEX i ON t (a): index
    UNIQUE INDEX i ON t (a): index
    INDEX CONCURRENTLY i ON t (a): index
    TRIGGER g BEFORE INSERT ON t EXECUTE PROCEDURE f(): trigger
    RULE r AS ON INSERT TO t DO NOTHING: trigger
    EVENT TRIGGER g ON ddl_command_end EXECUTE PROCEDURE f(): trigger
    SEQUENCE s: sequence
    SEQUENCE s START 5: sequence
    TABLESPACE x LOCATION '/x': lacking-object
    DOMAIN d AS INT: lacking-object
    TYPE y AS ENUM ('a'): lacking-object
    TYPE y AS (a INT): lacking-object
    OPERATOR + (PROCEDURE = f): lacking-object
    AGGREGATE g (INT) (SFUNC = f, STYPE = INT): lacking-object
    CAST (INT AS DATE) WITHOUT FUNCTION: lacking-object
    CONVERSION c FOR 'UTF8' TO 'LATIN1' FROM f: lacking-object
    EXTENSION x: lacking-object
    LANGUAGE l: lacking-object
    PUBLICATION p: lacking-object
    SUBSCRIPTION p: lacking-object
    SERVER x FOREIGN DATA WRAPPER w: lacking-object
    FOREIGN TABLE t (a INT) SERVER x: lacking-object
    UNLOGGED TABLE t (a INT): lacking-object
    STATISTICS x ON a, b FROM t: lacking-object
    COLLATION c FROM 'C': lacking-object
    TEXT SEARCH CONFIGURATION c (COPY = d): lacking-object
""")
_BY_RULE = {
    rule: [text for text, _, named in (line.rpartition(": ") for line in _OBJECTS) if named == rule]
    for rule in ("index", "trigger", "sequence", "lacking-object")
}
_DROPPED = {
    "index": ["INDEX i", "INDEX IF EXISTS i"],
    "trigger": ["TRIGGER g ON t", "RULE r ON t", "EVENT TRIGGER g"],
    "sequence": ["SEQUENCE s", "SEQUENCE IF EXISTS s"],
    "lacking-object": [
        "TABLESPACE x",
        "DOMAIN d",
        "TYPE y",
        "OPERATOR + (INT, INT)",
        "AGGREGATE g (INT)",
        "CAST (INT AS DATE)",
        "CONVERSION c",
        "EXTENSION x",
        "PUBLICATION p",
        "SERVER x",
        "FOREIGN TABLE t",
        "COLLATION c",
        "STATISTICS x",
    ],
}

FAMILIES = (
    *(
        Family(
            f"what there is not: {rule}",
            "c_unsupported-postgresql-features",
            ["CREATE {made}", "DROP {gone}", "DROP {gone} CASCADE"],
            {"made": _BY_RULE[rule], "gone": _DROPPED[rule]},
            rule=rule,
        )
        for rule in _BY_RULE
    ),
    Family(
        "changes of tables",
        "r_ALTER_TABLE",
        ["ALTER TABLE {table} {action}"],
        {
            "table": ["t", "s.t", '"user"'],
            "action": lines("""
        DROP CONSTRAINT k
        DROP CONSTRAINT k CASCADE
        DROP CONSTRAINT k RESTRICT
        OWNER TO u
        RENAME TO v
        RENAME COLUMN a TO b
        ALTER COLUMN a TYPE VARCHAR(300)
        ALTER COLUMN a TYPE VARCHAR(MAX)
        ALTER DISTKEY a
        ALTER DISTSTYLE ALL
        ALTER DISTSTYLE EVEN
        ALTER DISTSTYLE KEY DISTKEY a
        ALTER DISTSTYLE AUTO
        ALTER SORTKEY (a)
        ALTER SORTKEY (a, b)
        ALTER COMPOUND SORTKEY (a, b)
        ALTER SORTKEY AUTO
        ALTER SORTKEY NONE
        ALTER ENCODE AUTO
        ALTER SORTKEY (a), ALTER DISTKEY b
        ALTER DISTKEY b, ALTER SORTKEY (a)
        ADD a INT
        ADD COLUMN a VARCHAR(9) DEFAULT 'x' ENCODE lzo
        ADD COLUMN a INT DEFAULT 0 NOT NULL
        ADD COLUMN a INT NULL
        DROP a
        DROP COLUMN a
        DROP COLUMN a CASCADE
        DROP COLUMN a RESTRICT
    """),
        },
    ),
    Family(
        "changes of types",
        "r_ALTER_TABLE",
        ["ALTER TABLE {table} ALTER COLUMN a TYPE {type}"],
        {
            "table": ["t", "s.t"],
            "type": [
                "INT",
                "BIGINT",
                "DATE",
                "DECIMAL(9, 2)",
                "BOOLEAN",
                "TIMESTAMP",
                "DOUBLE PRECISION",
                "SMALLINT",
                "REAL",
            ],
        },
        rule="alter-column-type",
    ),
    Family(
        "actions of PostgreSQL alone",
        "r_ALTER_TABLE",
        ["ALTER TABLE {table} {action}"],
        {
            "table": ["t", "s.t"],
            "action": [
                "ALTER COLUMN a SET NOT NULL",
                "ALTER COLUMN a DROP NOT NULL",
                "ALTER COLUMN a SET DEFAULT 1",
                "ALTER COLUMN a DROP DEFAULT",
                "ALTER COLUMN a SET STATISTICS 5",
                "ALTER COLUMN a SET STORAGE PLAIN",
                "ADD COLUMN IF NOT EXISTS a INT",
                "INHERIT u",
                "NO INHERIT u",
                "CLUSTER ON i",
                "ENABLE TRIGGER g",
                "DISABLE TRIGGER ALL",
                "REPLICA IDENTITY FULL",
                "VALIDATE CONSTRAINT k",
            ],
        },
        rule="alter-table",
    ),
    Family(
        "several columns in one statement",
        "r_ALTER_TABLE",
        [
            "ALTER TABLE t ADD COLUMN a {type}, ADD COLUMN b {other}",
            "ALTER TABLE t DROP COLUMN a, ADD COLUMN b {type}",
        ],
        {"type": ["INT", "DATE", "VARCHAR(9)"], "other": ["INT", "BIGINT"]},
        rule="alter-table-one",
    ),
    Family(
        "required columns without a default",
        "r_ALTER_TABLE",
        ["ALTER TABLE t ADD COLUMN a {type} NOT NULL", "ALTER TABLE s.t ADD a {type} NOT NULL"],
        {"type": ["INT", "DATE", "VARCHAR(9)", "BOOLEAN", "DECIMAL(9, 2)"]},
        rule="add-column-required",
    ),
    Family(
        "views and schemas",
        "c_SQL_commands",
        ["{text}"],
        {
            "text": lines("""
        CREATE VIEW v AS SELECT a FROM t
        CREATE OR REPLACE VIEW v AS SELECT a FROM t
        CREATE VIEW v (x, y) AS SELECT a, b FROM t
        CREATE VIEW v AS SELECT a FROM s.t WITH NO SCHEMA BINDING
        CREATE SCHEMA s
        CREATE SCHEMA IF NOT EXISTS s
        CREATE SCHEMA s AUTHORIZATION u
        CREATE SCHEMA AUTHORIZATION u
        CREATE SCHEMA s QUOTA 5 GB
        CREATE SCHEMA s QUOTA UNLIMITED
        ALTER SCHEMA s RENAME TO r
        ALTER SCHEMA s OWNER TO u
        ALTER SCHEMA s QUOTA 5 GB
        ALTER SCHEMA s QUOTA UNLIMITED
        CREATE TABLE t (LIKE s.u)
        CREATE TEMP TABLE t (LIKE u INCLUDING DEFAULTS)
        CREATE TABLE t (LIKE u EXCLUDING DEFAULTS) BACKUP NO
        CREATE LOCAL TEMPORARY TABLE t (a INT)
        CREATE TABLE IF NOT EXISTS t (a INT) BACKUP NO
    """)
        },
    ),
    Family(
        "what is dropped",
        "r_DROP_TABLE",
        ["DROP {kind} {exists}{names} {how}"],
        {
            "kind": ["TABLE", "VIEW", "SCHEMA"],
            "exists": ["", "IF EXISTS "],
            "names": ["x", "x, y"],
            "how": ["", "CASCADE", "RESTRICT"],
        },
    ),
    Family(
        "drops with more",
        "r_DROP_TABLE",
        ["DROP {kind} x {how}"],
        {
            "kind": ["TABLE", "VIEW", "SCHEMA"],
            "how": ["FORCE", "PURGE", "CASCADE RESTRICT", "CONCURRENTLY", "CASCADE CONSTRAINTS"],
        },
        rule="drop-options",
    ),
    Family(
        "comments",
        "r_COMMENT",
        ["COMMENT ON {what} IS {text}"],
        {
            "what": [
                "TABLE t",
                "TABLE s.t",
                "COLUMN t.a",
                "COLUMN s.t.a",
                "CONSTRAINT k ON t",
                "DATABASE d",
                "VIEW v",
            ],
            "text": ["'x'", "NULL"],
        },
    ),
    Family(
        "comments on other objects",
        "r_COMMENT",
        ["COMMENT ON {what} IS {text}"],
        {
            "what": [
                "SCHEMA s",
                "FUNCTION f()",
                "INDEX i",
                "TYPE y",
                "SEQUENCE s",
                "TRIGGER g ON t",
                "ROLE r",
                "DOMAIN d",
            ],
            "text": ["'x'", "NULL"],
        },
        rule="comment",
    ),
)
