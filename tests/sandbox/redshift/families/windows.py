"""Windows."""

from tests.sandbox.redshift.families.family import Family, lines, words

_RANKS = words("ROW_NUMBER() RANK() DENSE_RANK() PERCENT_RANK() CUME_DIST() NTILE(4)")
_SHIFTS = ["LAG(a)", "LAG(a, 2)", "LEAD(a)", "LEAD(a, 1)"]
_SUMS = words(
    "SUM(a) AVG(a) COUNT(*) COUNT(a) MIN(a) MAX(a) STDDEV_POP(a) STDDEV_SAMP(a) VAR_POP(a) VAR_SAMP(a)"
)
_VALUES = ["FIRST_VALUE(a)", "LAST_VALUE(a)", "NTH_VALUE(a, 2)"]
_ROWS = lines("""
    UNBOUNDED PRECEDING
    CURRENT ROW
    2 PRECEDING
    BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    BETWEEN 2 PRECEDING AND 2 FOLLOWING
    BETWEEN CURRENT ROW AND 1 FOLLOWING
""")

FAMILIES = (
    Family(
        "ranks",
        "c_Window_functions",
        [
            "SELECT {call} OVER (ORDER BY b) FROM t",
            "SELECT {call} OVER (PARTITION BY c ORDER BY b DESC, d) FROM t",
            "SELECT a, {call} OVER (PARTITION BY c, d ORDER BY b) AS r FROM t WHERE a > 1",
        ],
        {"call": [*_RANKS, *_SHIFTS]},
    ),
    Family(
        "windows without an order",
        "c_Window_functions",
        [
            "SELECT {call} OVER () FROM t",
            "SELECT {call} OVER (PARTITION BY b) FROM t",
            "SELECT {call} OVER (PARTITION BY b, c) AS s FROM t",
        ],
        {"call": [*_SUMS, *_VALUES]},
    ),
    Family(
        "windows with an order and rows",
        "c_Window_functions",
        [
            "SELECT {call} OVER (ORDER BY b ROWS {rows}) FROM t",
            "SELECT {call} OVER (PARTITION BY c ORDER BY b ROWS {rows}) FROM t",
        ],
        {"call": [*_SUMS, *_VALUES], "rows": _ROWS},
    ),
    Family(
        "windows with an order and no rows",
        "c_Window_functions",
        [
            "SELECT {call} OVER (ORDER BY b) FROM t",
            "SELECT {call} OVER (PARTITION BY c ORDER BY b DESC) FROM t",
            "INSERT INTO u SELECT {call} OVER (PARTITION BY c, d ORDER BY b) FROM t",
        ],
        {"call": [*_SUMS, *_VALUES]},
        rule="window-frame",
    ),
    Family(
        "windows of a range or of groups",
        "c_Window_functions",
        ["SELECT {call} OVER (ORDER BY b {kind} {rows}) FROM t"],
        {"call": ["SUM(a)", "COUNT(*)", "FIRST_VALUE(a)"], "kind": ["RANGE", "GROUPS"], "rows": _ROWS[:4]},
        rule="window-frame",
    ),
    Family(
        "nulls that a window leaves out",
        "r_WF_first_value",
        [
            "SELECT {call} IGNORE NULLS OVER (ORDER BY b) FROM t",
            "SELECT {call} RESPECT NULLS OVER (PARTITION BY c ORDER BY b) FROM t",
        ],
        {"call": _SHIFTS},
        rule="window-nulls",
    ),
)
