"""Examples whose result or error is documented."""

import psycopg
import pytest

pytestmark = pytest.mark.service
GUIDE = "https://docs.aws.amazon.com/redshift/latest/dg/"


def test_a_merge_updates_what_matches_and_inserts_the_rest(session: psycopg.Connection):
    """The first example of r_MERGE."""
    session.execute("CREATE TABLE target (id INT, name CHAR(10))")
    session.execute("CREATE TABLE source (id INT, name CHAR(10))")
    session.execute("INSERT INTO target VALUES (101, 'Bob'), (102, 'John'), (103, 'Susan')")
    session.execute("INSERT INTO source VALUES (102, 'Tony'), (103, 'Alice'), (104, 'Bill')")
    session.execute(
        "MERGE INTO target USING source ON target.id = source.id "
        "WHEN MATCHED THEN UPDATE SET id = source.id, name = source.name "
        "WHEN NOT MATCHED THEN INSERT VALUES (source.id, source.name)"
    )
    found = session.execute("SELECT id, TRIM(name) FROM target ORDER BY id").fetchall()
    assert found == [(101, "Bob"), (102, "Tony"), (103, "Alice"), (104, "Bill")]


def test_a_merge_whose_source_has_a_row_twice_fails(session: psycopg.Connection):
    session.execute("CREATE TABLE target (id INT, name VARCHAR(10))")
    session.execute("CREATE TABLE source (id INT, name VARCHAR(10))")
    session.execute("INSERT INTO target VALUES (1, 'a')")
    session.execute("INSERT INTO source VALUES (1, 'b'), (1, 'c')")
    with pytest.raises(
        psycopg.errors.InternalError_, match="Found multiple matches to update the same tuple"
    ):
        session.execute(
            "MERGE INTO target USING source ON target.id = source.id "
            "WHEN MATCHED THEN UPDATE SET name = source.name WHEN NOT MATCHED THEN INSERT VALUES (source.id, source.name)"
        )


@pytest.mark.parametrize(
    ("value", "fits"),
    [("abcd", True), ("abcde", False), ("ä" * 2, True), ("ä" * 3, False), ("漢", True), ("漢字", False)],
)
def test_a_varchar_counts_bytes(session: psycopg.Connection, value: str, fits: bool):
    session.execute("CREATE TABLE t (a VARCHAR(4))")
    if fits:
        session.execute("INSERT INTO t VALUES (%s)", (value,))
        assert session.execute("SELECT a FROM t").fetchone() == (value,)
        return
    with pytest.raises(psycopg.errors.StringDataRightTruncation, match=r"character varying\(4\)"):
        session.execute("INSERT INTO t VALUES (%s)", (value,))


def test_a_column_without_a_length_takes_256_bytes(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a VARCHAR, b TEXT)")
    session.execute("INSERT INTO t VALUES (%s, %s)", ("x" * 256, "y" * 256))
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        session.execute("INSERT INTO t (a) VALUES (%s)", ("x" * 257,))


def test_a_longer_varchar_is_longer_after_alter(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a VARCHAR(4))")
    session.execute("ALTER TABLE t ALTER COLUMN a TYPE VARCHAR(6)")
    session.execute("INSERT INTO t VALUES ('漢字')")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        session.execute("INSERT INTO t VALUES ('漢字!')")


def test_keys_are_not_enforced(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT PRIMARY KEY, b INT UNIQUE, FOREIGN KEY (b) REFERENCES u (c))")
    session.execute("INSERT INTO t VALUES (1, 1), (1, 1)")
    assert session.execute("SELECT COUNT(*) FROM t").fetchone() == (2,)
    with pytest.raises(psycopg.errors.NotNullViolation):
        session.execute("INSERT INTO t VALUES (NULL, 1)")


def test_a_regular_expression_replaces_every_match(session: psycopg.Connection):
    found = session.execute(
        "SELECT REGEXP_REPLACE('a1b2', '[0-9]', '#'), REGEXP_SUBSTR('abc', '[0-9]')"
    ).fetchone()
    assert found == ("a#b#", "")


def test_functions_that_postgres_spells_otherwise(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT, b VARCHAR(9))")
    session.execute("INSERT INTO t VALUES (1, 'x'), (2, 'y'), (4, NULL)")
    found = session.execute(
        "SELECT LISTAGG(b, '-') WITHIN GROUP (ORDER BY a DESC), MEDIAN(a), MAX(DECODE(b, 'x', 10, NULL, 20, 0)), "
        "MAX(NVL(b, NULL, 'z')), LISTAGG(a) FROM t"
    ).fetchone()
    assert found is not None
    assert (found[:4], sorted(found[4])) == (("y-x", 2.0, 20, "z"), ["1", "2", "4"])


def test_a_quoted_name_is_folded_to_small_letters(session: psycopg.Connection):
    session.execute('CREATE TABLE "Mixed" ("A" INT)')
    session.execute('INSERT INTO "MIXED" ("a") VALUES (1)')
    found = session.execute('SELECT "A" AS "Shown" FROM mixed')
    assert (found.fetchone(), found.description[0].name if found.description else "") == ((1,), "shown")


def test_an_update_takes_one_of_several_values(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT, b INT)")
    session.execute("CREATE TABLE u (a INT, b INT)")
    session.execute("INSERT INTO t VALUES (1, 0)")
    session.execute("INSERT INTO u VALUES (1, 5), (1, 6)")
    assert session.execute("UPDATE t SET b = u.b FROM u WHERE t.a = u.a").rowcount == 1
    row = session.execute("SELECT b FROM t").fetchone()
    assert row in [(5,), (6,)]
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        session.execute("SET error_on_nondeterministic_update TO on")


def test_a_boolean_is_no_text(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a BOOLEAN)")
    session.execute("INSERT INTO t VALUES (TRUE)")
    with pytest.raises(psycopg.errors.CannotCoerce):
        session.execute("SELECT CAST(a AS VARCHAR) FROM t")
    assert session.execute("SELECT a::INT, CASE WHEN a THEN 'yes' END FROM t").fetchone() == (1, "yes")


def test_a_table_like_another_has_its_distribution_and_not_its_key(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a VARCHAR(4) PRIMARY KEY, b INT DEFAULT 5) DISTKEY(b) SORTKEY(a)")
    session.execute("CREATE TABLE u (LIKE t INCLUDING DEFAULTS)")
    session.execute("INSERT INTO u (a) VALUES ('x')")
    assert session.execute("SELECT b FROM u").fetchone() == (5,)
    found = session.execute("SELECT \"column\", distkey, sortkey FROM pg_table_def WHERE tablename = 'u'")
    assert sorted(found.fetchall()) == [("a", False, 1), ("b", True, 0)]
    indexes = session.execute("SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'")
    assert indexes.fetchall() == [("t", "CREATE UNIQUE INDEX t_pkey ON public.t USING btree (a)")]
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        session.execute("INSERT INTO u (a) VALUES ('12345')")


def test_what_is_rewritten_for_postgres_runs(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a VARCHAR(9))")
    session.execute("INSERT INTO t VALUES ('5')")
    assert session.execute("SELECT CONVERT(INT, a) + 1, SYSDATE IS NULL FROM t").fetchone() == (6, False)
    session.execute("SET app.user_id TO '5'")
    assert session.execute("SHOW app.user_id").fetchone() == ("5",)
    assert session.execute("EXPLAIN SELECT LISTAGG(a) FROM t").fetchone() is not None
    session.execute("ALTER TABLE t ALTER SORTKEY (a), ALTER DISTKEY a")
    session.execute("GRANT SELECT (a), DROP ON t TO PUBLIC")
    session.execute("UPDATE t SET a = DEFAULT")


def test_keys_are_kept(session: psycopg.Connection):
    session.execute(
        "CREATE TABLE t (a INT, b INT, CONSTRAINT named PRIMARY KEY (b, a), FOREIGN KEY (b) REFERENCES u (c))"
    )
    query = "SELECT conname, contype, conkey FROM pg_constraint WHERE conrelid = 't'::regclass ORDER BY contype DESC"
    assert session.execute(query.encode()).fetchall() == [("named", "p", [2, 1]), ("t_b_fkey", "f", [2])]
    session.execute("ALTER TABLE t DROP CONSTRAINT named")
    assert len(session.execute(query.encode()).fetchall()) == 1


def test_extract_gives_a_double(session: psycopg.Connection):
    found = session.execute("SELECT EXTRACT(epoch FROM TIMESTAMP '2026-01-01 00:00:01.5')").fetchone()
    assert found == (1767225601.5,)
    assert isinstance(found[0], float)


def test_a_backslash_escapes_in_a_text(session: psycopg.Connection):
    assert session.execute(r"SELECT 'a\\b', LENGTH('a\\b')").fetchone() == ("a\\b", 3)


def test_dates_are_added_and_subtracted(session: psycopg.Connection):
    found = session.execute(
        "SELECT DATEADD(month, 1, TIMESTAMP '2026-01-31 10:00:00'), "
        "DATEDIFF(day, '2026-01-01'::timestamp, '2026-01-31'::timestamp), "
        "ADD_MONTHS('2026-02-28'::timestamp, 1)::date::varchar"
    ).fetchone()
    assert found is not None
    assert (str(found[0]), found[1], found[2]) == ("2026-02-28 10:00:00", 30, "2026-03-31")


def test_percentiles_of_one_order_are_taken_together(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a INT, b INT)")
    session.execute("INSERT INTO t VALUES (1, 9), (2, 8), (3, 7)")
    one = "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY a)"
    assert session.execute(
        f"SELECT {one}, PERCENTILE_CONT(1) WITHIN GROUP (ORDER BY a) FROM t".encode()
    ).fetchone() == (2.0, 3.0)
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="must be the same"):
        session.execute(f"SELECT {one}, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY b) FROM t".encode())


def test_a_table_of_1600_columns_is_made_and_one_more_is_not(session: psycopg.Connection):
    columns = ", ".join(f"c{number} INT" for number in range(1_601))
    with pytest.raises(psycopg.errors.TooManyColumns):
        session.execute(f"CREATE TABLE t ({columns})".encode())


def test_a_table_of_800_texts_is_made_and_widened(session: psycopg.Connection):
    columns = ", ".join(f"c{number} VARCHAR(20)" for number in range(800))
    session.execute(f"CREATE TABLE t ({columns}, PRIMARY KEY (c0))".encode())
    session.execute("ALTER TABLE t ALTER COLUMN c799 TYPE VARCHAR(40)")
    session.execute("INSERT INTO t (c0, c799) VALUES ('x', %s)", ("y" * 40,))
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        session.execute("INSERT INTO t (c0, c798) VALUES ('x', %s)", ("漢" * 7,))
    keys = session.execute(
        "SELECT COUNT(*) FROM pg_constraint WHERE conrelid = 't'::regclass AND contype = 'p'"
    )
    assert keys.fetchone() == (1,)


def test_functions_of_the_leader_read_no_table(session: psycopg.Connection):
    session.execute("CREATE TABLE t (a TIMESTAMP)")
    assert session.execute("SELECT NOW()").fetchone() is not None
    assert session.execute("SELECT CURRENT_DATABASE()").fetchone() is not None
    for statement in ("SELECT a FROM t WHERE a < NOW()", "SELECT CURRENT_DATABASE(), a FROM t"):
        with pytest.raises(psycopg.errors.FeatureNotSupported, match="not supported on Redshift tables"):
            session.execute(statement.encode())
    assert session.execute("SELECT COUNT(*) FROM t WHERE a < GETDATE()").fetchone() == (0,)
