"""COPY, UNLOAD, and the care of tables."""

from tests.sandbox.redshift.families.family import Family, lines

_COPY = "COPY t FROM 's3://b/p' IAM_ROLE 'x' FORMAT AS PARQUET"
_NOT_COLUMNAR = lines("""
    MAXERROR 5
    GZIP
    BZIP2
    ZSTD
    LZOP
    DELIMITER ','
    QUOTE '"'
    IGNOREHEADER 1
    DATEFORMAT 'auto'
    TIMEFORMAT 'auto'
    TRUNCATECOLUMNS
    BLANKSASNULL
    EMPTYASNULL
    ACCEPTANYDATE
    REMOVEQUOTES
    ROUNDEC
    TRIMBLANKS
    IGNOREBLANKLINES
    ESCAPE
    NOLOAD
    NULL AS 'x'
    READRATIO 50
    COMPROWS 5
    REGION 'eu-west-1'
    ENCODING UTF8
    SSH
""")

FAMILIES = (
    Family(
        "vacuums",
        "r_VACUUM_command",
        ["VACUUM{kind}", "VACUUM{kind} t{share}{boost}", "VACUUM{kind} s.t{boost}"],
        {
            "kind": ["", " FULL", " SORT ONLY", " DELETE ONLY", " REINDEX", " RECLUSTER"],
            "share": ["", " TO 75 PERCENT", " TO 100 PERCENT"],
            "boost": ["", " BOOST"],
        },
    ),
    Family(
        "vacuums of PostgreSQL alone",
        "r_VACUUM_command",
        ["VACUUM {what}"],
        {
            "what": [
                "ANALYZE t",
                "VERBOSE t",
                "FREEZE t",
                "(FULL) t",
                "(ANALYZE, VERBOSE) t",
                "t (a)",
                "t, u",
                "FULL FREEZE t",
                "t TO 101 PERCENT",
                "FULL TO 99 PERCENT",
                "SORT t ONLY",
            ]
        },
        rule="vacuum",
    ),
    Family(
        "analyses",
        "r_ANALYZE",
        ["ANALYZE{verbose}{table}{kind}"],
        {
            "verbose": ["", " VERBOSE"],
            "table": [" t", " s.t", " t (a)", " t (a, b)"],
            "kind": ["", " PREDICATE COLUMNS", " ALL COLUMNS"],
        },
    ),
    Family(
        "analyses of PostgreSQL alone",
        "r_ANALYZE",
        ["ANALYZE {what}"],
        {"what": ["(VERBOSE) t", "t, u", "FULL t", "t PREDICATE", "t SKIP_LOCKED", "(SKIP_LOCKED) t"]},
        rule="analyze",
    ),
    Family(
        "loads",
        "r_COPY",
        ["COPY {table} FROM 's3://b/p' IAM_ROLE {role} {format} {more}"],
        {
            "table": ["t", "s.t (a, b)"],
            "role": ["DEFAULT", "'arn:aws:iam::0:role/x'"],
            "format": ["PARQUET", "FORMAT PARQUET", "FORMAT AS PARQUET"],
            "more": ["", "MANIFEST", "FILLRECORD", "STATUPDATE OFF", "ACCEPTINVCHARS"],
        },
    ),
    Family(
        "loads with parameters of texts",
        "copy-usage_notes-copy-from-columnar",
        [_COPY + " {more}", _COPY + " STATUPDATE OFF {more}"],
        {"more": _NOT_COLUMNAR},
        rule="copy-columnar-parameters",
    ),
    Family(
        "loads from the client",
        "copy-parameters-data-source",
        ["COPY {table} FROM {place}"],
        {
            "table": ["t", "s.t", "t (a, b)"],
            "place": ["STDIN", "STDIN CSV", "PROGRAM 'x'", "'/tmp/x' IAM_ROLE 'x' PARQUET"],
        },
        rule="copy-source",
    ),
    Family(
        "unloads",
        "r_UNLOAD",
        ["UNLOAD ('{query}') TO 's3://b/p' IAM_ROLE {role} {format} {more}"],
        {
            "query": ["SELECT a FROM t", "SELECT * FROM t WHERE a = ''x''"],
            "role": ["DEFAULT", "'arn:aws:iam::0:role/x'"],
            "format": ["PARQUET", "FORMAT AS PARQUET"],
            "more": [
                "",
                "MANIFEST",
                "MANIFEST VERBOSE",
                "ALLOWOVERWRITE",
                "ENCRYPTED",
                "ENCRYPTED AUTO",
                "ENCRYPTED KMS_KEY_ID 'k'",
                "KMS_KEY_ID 'k' ENCRYPTED",
                "PARALLEL OFF",
                "PARALLEL TRUE",
                "MAXFILESIZE 5 MB",
                "MAXFILESIZE AS 1 GB",
                "REGION 'eu-west-1'",
            ],
        },
    ),
    Family(
        "unloads with a limit",
        "r_UNLOAD",
        ["UNLOAD ('{query}') TO 's3://b/p' IAM_ROLE 'x' {format}"],
        {
            "query": [
                "SELECT a FROM t LIMIT 5",
                "SELECT TOP 5 a FROM t",
                "SELECT a FROM t ORDER BY a LIMIT 5",
            ],
            "format": ["PARQUET", "FORMAT AS PARQUET"],
        },
        rule="unload-limit",
    ),
)
