"""Reserved words and names that no column may have.

https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html
"""

from sandbox.redshift.rules.rule import rule

RESERVED = frozenset(
    """
    aes128 aes256 all allowoverwrite analyse analyze and any array as asc authorization az64 backup between
    binary blanksasnull both bytedict bzip2 case cast check collate column connect constraint create
    credentials cross current_date current_time current_timestamp current_user current_user_id default
    deferrable deflate defrag delta delta32k desc disable distinct do else emptyasnull enable encode encrypt
    encryption end except explicit false for foreign freeze from full globaldict256 globaldict64k grant group
    gzip having identity ignore ilike in initially inner intersect interval into is isnull join language
    leading left like limit localtime localtimestamp lun luns lzo lzop minus mostly16 mostly32 mostly8 natural
    new not notnull null nulls off offline offset oid old on only open or order outer overlaps parallel
    partition percent permissions pivot placing primary qualify raw readratio recover references reject
    rejectlog resort respect restore right select session_user similar snapshot some start sysdate system
    table tag tdes text255 text32k then timestamp to top trailing true truncatecolumns union unique unnest
    unpivot user using verbose wallet when where with without
    """.split()  # noqa: SIM905 -- a list of words
)
SYSTEM_COLUMNS = frozenset(
    ["oid", "tableoid", "xmin", "cmin", "xmax", "cmax", "ctid", "deletexid", "insertxid"]
)
MOST_NAME_BYTES = 127

RESERVED_WORD = rule(
    "reserved-word", "names", "A reserved word is a name only in double quotation marks.", "r_pg_keywords"
)
SYSTEM_COLUMN = rule(
    "system-column",
    "names",
    "Names of system columns cannot be given to columns, quoted or not.",
    "c_unsupported-postgresql-features",
    "42701",
)
LONG_NAME = rule("long-name", "names", "A name has 127 bytes at most.", "r_names", "42622")
