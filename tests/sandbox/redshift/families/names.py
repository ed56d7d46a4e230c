"""Names: reserved words, system columns, lengths, and the words that are free."""

from tests.sandbox.redshift.families.family import Family, words

RESERVED = words(
    """
    aes128 aes256 all allowoverwrite analyse analyze and any array as asc authorization az64 backup between binary
    blanksasnull both bytedict bzip2 case cast check collate column connect constraint create credentials cross
    current_date current_time current_timestamp current_user current_user_id default deferrable deflate defrag delta
    delta32k desc disable distinct do else emptyasnull enable encode encrypt encryption end except explicit false for
    foreign freeze from full globaldict256 globaldict64k grant group gzip having identity ignore ilike in initially
    inner intersect interval into is isnull join language leading left like limit localtime localtimestamp lun luns
    lzo lzop minus mostly16 mostly32 mostly8 natural new not notnull null nulls off offline offset oid old on only
    open or order outer overlaps parallel partition percent permissions pivot placing primary raw readratio recover
    references rejectlog resort respect restore right select session_user similar snapshot some start sysdate system
    table tag tdes text255 text32k then timestamp to top trailing true truncatecolumns union unique unnest unpivot
    user using verbose wallet when where with without
    """
)
"""r_pg_keywords, as it was in April 2023."""
SYSTEM_COLUMNS = words("oid tableoid xmin cmin xmax cmax ctid deletexid insertxid")
FREE = words(
    """
    type name value status id code date label owner account region state city country description category level role
    source target version event action message key data year month day hour week quarter amount price total count
    first last next email phone title kind place number position length size hash url path method result reason
    """
)
"""Words on no list of r_pg_keywords; other databases reserve some of them."""
# These open a table's constraint: what follows them is wrong, rather than the word.
_OPEN_A_CONSTRAINT = words("check constraint foreign like primary unique")
_COLUMN_WORDS = [word for word in RESERVED if word not in _OPEN_A_CONSTRAINT]

FAMILIES = (
    Family(
        "a reserved word is no name",
        "r_pg_keywords",
        ["CREATE TABLE t (a INT, {word} INT)", "ALTER TABLE t ADD COLUMN {word} INT"],
        {"word": _COLUMN_WORDS},
        rule="reserved-word",
    ),
    Family(
        "a reserved word names no table",
        "r_pg_keywords",
        [
            "CREATE TABLE {word} (a INT)",
            "DROP TABLE {word}",
            "ALTER TABLE t RENAME TO {word}",
            "ALTER TABLE t RENAME COLUMN a TO {word}",
        ],
        {"word": RESERVED},
        rule="reserved-word",
    ),
    Family(
        "a reserved word in quotation marks is a name",
        "r_pg_keywords",
        ['SELECT "{word}" FROM t', 'CREATE TABLE "{word}" (a INT)', 'SELECT a AS "{word}" FROM t'],
        {"word": RESERVED},
    ),
    Family(
        "a word that is not reserved is a name",
        "r_pg_keywords",
        [
            "SELECT {word} FROM t",
            "CREATE TABLE {word} ({word} INT)",
            "UPDATE t SET {word} = 1 WHERE {word} = 2",
            "INSERT INTO t ({word}) VALUES (1)",
        ],
        {"word": FREE},
    ),
    Family(
        "a system column's name is no column",
        "c_unsupported-postgresql-features",
        ['CREATE TABLE t ("{word}" INT)', 'ALTER TABLE t ADD "{word}" {type}'],
        {"word": SYSTEM_COLUMNS, "type": ["INT", "VARCHAR(9)"]},
        rule="system-column",
    ),
    Family(
        "a system column's name needs no quotation marks to be refused",
        "c_unsupported-postgresql-features",
        ["CREATE TABLE t (a INT, {word} INT)", "ALTER TABLE t ADD COLUMN {word} BIGINT"],
        {"word": [word for word in SYSTEM_COLUMNS if word != "oid"]},
        rule="system-column",
    ),
    Family(
        "a name has 127 bytes",
        "r_names",
        ["SELECT {name} FROM t", "CREATE TABLE {name} (a INT)", "CREATE TABLE t ({name} INT)"],
        {"name": ["x" * 127, "ä" * 63, "_" + "x" * 100, "a$b", "é", '"a b"', '"1a"']},
    ),
    Family(
        "a name has no more than 127 bytes",
        "r_names",
        [
            "SELECT {name} FROM t",
            "CREATE TABLE {name} (a INT)",
            "CREATE TABLE t ({name} INT)",
            "ALTER TABLE t RENAME TO {name}",
        ],
        {"name": ["x" * 128, "ä" * 64, "漢" * 43, '"' + "x" * 128 + '"', "x" * 200]},
        rule="long-name",
    ),
)
