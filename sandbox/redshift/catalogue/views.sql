-- System views of Redshift, over PostgreSQL's catalogue.
CREATE OR REPLACE VIEW pg_catalog.svv_columns AS
SELECT current_database()::varchar(128) AS table_catalog, n.nspname::varchar(128) AS table_schema,
  c.relname::varchar(128) AS table_name, a.attname::varchar(128) AS column_name, a.attnum::int AS ordinal_position,
  pg_get_expr(d.adbin, d.adrelid)::varchar(4000) AS column_default,
  CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END::varchar(3) AS is_nullable,
  format_type(a.atttypid, NULL)::varchar(128) AS data_type,
  CASE WHEN a.atttypid IN (1042, 1043) THEN a.atttypmod - 4 END AS character_maximum_length,
  CASE a.atttypid WHEN 1700 THEN ((a.atttypmod - 4) >> 16) & 65535 WHEN 20 THEN 64 WHEN 23 THEN 32 WHEN 21 THEN 16
    WHEN 701 THEN 53 WHEN 700 THEN 24 END AS numeric_precision,
  CASE WHEN a.atttypid IN (700, 701) THEN 2 WHEN a.atttypid IN (20, 21, 23) THEN 2 WHEN a.atttypid = 1700 THEN 10 END AS numeric_precision_radix,
  CASE a.atttypid WHEN 1700 THEN (a.atttypmod - 4) & 2047 WHEN 20 THEN 0 WHEN 23 THEN 0 WHEN 21 THEN 0 END AS numeric_scale,
  CASE WHEN a.atttypid IN (1083, 1114, 1184, 1266) THEN 6 END AS datetime_precision,
  NULL::varchar(128) AS interval_type, NULL::varchar(128) AS interval_precision,
  NULL::varchar(128) AS character_set_catalog, NULL::varchar(128) AS character_set_schema,
  NULL::varchar(128) AS character_set_name, NULL::varchar(128) AS collation_catalog,
  NULL::varchar(128) AS collation_schema, NULL::varchar(128) AS collation_name,
  NULL::varchar(128) AS domain_name, col_description(c.oid, a.attnum)::varchar(4000) AS remarks
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname NOT IN ('stand_in', 'pg_toast');

CREATE OR REPLACE VIEW pg_catalog.svv_tables AS
SELECT current_database()::varchar(128) AS table_catalog, n.nspname::varchar(128) AS table_schema,
  c.relname::varchar(128) AS table_name,
  CASE WHEN c.relkind = 'v' THEN 'VIEW' WHEN c.relpersistence = 't' THEN 'LOCAL TEMPORARY' ELSE 'BASE TABLE' END::varchar(128) AS table_type,
  obj_description(c.oid)::varchar(4000) AS remarks
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v') AND n.nspname NOT IN ('stand_in', 'pg_toast');

CREATE OR REPLACE VIEW pg_catalog.svv_all_tables AS
SELECT table_catalog AS database_name, table_schema AS schema_name, table_name,
  replace(replace(table_type, 'BASE TABLE', 'TABLE'), 'LOCAL TEMPORARY', 'TABLE')::varchar(128) AS table_type, NULL::varchar(128) AS table_acl, remarks
FROM pg_catalog.svv_tables;

CREATE OR REPLACE VIEW pg_catalog.svv_all_columns AS
SELECT table_catalog AS database_name, table_schema AS schema_name, table_name, column_name, ordinal_position, column_default,
  is_nullable, data_type, character_maximum_length, numeric_precision, numeric_scale, remarks
FROM pg_catalog.svv_columns;

CREATE OR REPLACE VIEW pg_catalog.stl_undone AS
SELECT 0 AS userid, 0::bigint AS xact_id, 0::bigint AS xact_id_undone, now()::timestamp AS undo_start_ts, now()::timestamp AS undo_end_ts,
  0::bigint AS table_id WHERE false;

CREATE OR REPLACE VIEW pg_catalog.svv_redshift_schemas AS
SELECT current_database()::varchar(128) AS database_name, nspname::varchar(128) AS schema_name, nspowner::int AS schema_owner,
  'local'::varchar(128) AS schema_type, NULL::varchar(128) AS schema_acl, NULL::varchar(128) AS schema_option
FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('stand_in', 'information_schema');

CREATE OR REPLACE VIEW pg_catalog.svv_all_schemas AS SELECT *, NULL::varchar(128) AS source_database FROM pg_catalog.svv_redshift_schemas;

CREATE OR REPLACE VIEW pg_catalog.svv_external_schemas AS
SELECT 0::oid AS esoid, 0::smallint AS eskind, ''::text AS schemaname, 0 AS esowner, ''::text AS databasename, ''::text AS esoptions WHERE false;

CREATE OR REPLACE VIEW pg_catalog.pg_external_schema AS
SELECT 0::oid AS esoid, 0::smallint AS eskind, ''::text AS esdbname, ''::text AS esoptions WHERE false;

CREATE OR REPLACE VIEW pg_catalog.svv_external_tables AS
SELECT ''::text AS redshift_database_name, ''::text AS schemaname, ''::text AS tablename, ''::text AS tabletype, ''::text AS location WHERE false;

CREATE OR REPLACE VIEW pg_catalog.svv_external_columns AS
SELECT ''::text AS redshift_database_name, ''::text AS schemaname, ''::text AS tablename, ''::text AS columnname,
  ''::text AS external_type, 0 AS columnnum, 0 AS part_key, ''::text AS is_nullable WHERE false;

CREATE OR REPLACE VIEW pg_catalog.svv_table_info AS
SELECT current_database()::text AS database, n.nspname::text AS schema, c.oid AS table_id, c.relname::text AS "table",
  CASE WHEN f.facts -> 'encodings' = '{}' THEN 'N' ELSE 'Y, AUTO(ENCODE)' END::text AS encoded,
  CASE WHEN f.facts -> 'distkeys' ->> 0 IS NOT NULL THEN format('KEY(%s)', f.facts -> 'distkeys' ->> 0)
    WHEN coalesce(f.facts ->> 'diststyle', 'AUTO') = 'AUTO' THEN 'AUTO(EVEN)' ELSE f.facts ->> 'diststyle' END AS diststyle,
  coalesce(f.facts -> 'sortkeys' ->> 0, 'AUTO(SORTKEY)') AS sortkey1,
  (SELECT max(atttypmod - 4) FROM pg_attribute WHERE attrelid = c.oid AND atttypid = 1043 AND NOT attisdropped) AS max_varchar,
  NULL::text AS sortkey1_enc, jsonb_array_length(coalesce(f.facts -> 'sortkeys', '[]')) AS sortkey_num,
  (pg_table_size(c.oid) / 1048576 + 1)::bigint AS size, NULL::numeric AS pct_used, 0::bigint AS empty,
  0::numeric AS unsorted, 0::numeric AS stats_off, greatest(c.reltuples, 0)::numeric AS tbl_rows, 1::numeric AS skew_sortkey1,
  1::numeric AS skew_rows, greatest(c.reltuples, 0)::numeric AS estimated_visible_rows, NULL::text AS risk_event,
  0::numeric AS vacuum_sort_benefit, NULL::timestamp AS create_time
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN stand_in.tables f ON f.id = c.oid
WHERE c.relkind = 'r' AND n.nspname NOT IN ('stand_in', 'pg_catalog', 'information_schema', 'pg_toast') AND c.reltuples <> 0;

CREATE OR REPLACE VIEW pg_catalog.pg_table_def AS
SELECT n.nspname AS schemaname, c.relname AS tablename, a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type,
  coalesce(f.facts -> 'encodings' ->> a.attname::text, CASE WHEN a.atttypid IN (16, 700, 701) THEN 'none' WHEN a.atttypid IN (1042, 1043) THEN 'lzo' ELSE 'az64' END)::varchar(32) AS encoding,
  coalesce(f.facts -> 'distkeys' ? a.attname::text, false) AS distkey,
  coalesce((SELECT place::int FROM jsonb_array_elements_text(f.facts -> 'sortkeys') WITH ORDINALITY AS s (name, place)
    WHERE s.name = a.attname::text LIMIT 1), 0) AS sortkey,
  a.attnotnull AS "notnull"
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN stand_in.tables f ON f.id = c.oid
WHERE c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname = ANY (current_schemas(true)) AND n.nspname <> 'stand_in';

CREATE OR REPLACE VIEW pg_catalog.pg_class_info AS
SELECT c.oid AS reloid, c.relname, c.relnamespace, c.reltype, c.relowner, c.relam, c.relfilenode, c.reltablespace, c.relpages,
  c.reltuples, c.reltoastrelid, 0::oid AS reltoastidxid, c.relhasindex, c.relisshared, c.relkind, c.relnatts,
  false AS relexternid, 0 AS relisreplicated,
  CASE WHEN f.facts -> 'distkeys' ->> 0 IS NOT NULL THEN 1 WHEN f.facts ->> 'diststyle' = 'ALL' THEN 8
    WHEN f.facts ->> 'diststyle' = 'EVEN' THEN 0 ELSE 9 END AS reldiststyle,
  c.relacl, 0 AS relprojbaseid, now()::timestamp AS relcreationtime,
  CASE WHEN f.facts -> 'distkeys' ->> 0 IS NOT NULL THEN 1 WHEN f.facts ->> 'diststyle' = 'ALL' THEN 8
    WHEN f.facts ->> 'diststyle' = 'EVEN' THEN 0 ELSE 11 END AS releffectivediststyle
FROM pg_class c LEFT JOIN stand_in.tables f ON f.id = c.oid;

CREATE OR REPLACE VIEW pg_catalog.stl_load_errors AS SELECT * FROM stand_in.load_errors;
CREATE OR REPLACE VIEW pg_catalog.pg_user_info AS
SELECT usename, usesysid, usecreatedb, usesuper, false AS usecatupd, ''::text AS passwd, valuntil, useconfig, 'UNLIMITED'::text AS useconnlimit FROM pg_user;
CREATE OR REPLACE VIEW pg_catalog.stv_sessions AS
SELECT backend_start::timestamp AS starttime, pid AS process, usename::text AS user_name, datname::text AS db_name, 0 AS timeout_sec FROM pg_stat_activity;
CREATE OR REPLACE VIEW pg_catalog.stv_db_isolation_level AS SELECT oid AS db_id, datname AS db_name, 'Snapshot Isolation'::varchar(128) AS isolation_level FROM pg_database;
CREATE OR REPLACE VIEW pg_catalog.stl_query AS
SELECT 0 AS userid, 0::bigint AS query, ''::varchar AS label, 0::bigint AS xid, 0 AS pid, ''::varchar AS database, ''::varchar AS querytxt,
  now()::timestamp AS starttime, now()::timestamp AS endtime, 0 AS aborted WHERE false;
CREATE OR REPLACE VIEW pg_catalog.svv_transactions AS
SELECT usename::text AS txn_owner, datname::text AS txn_db, backend_xid::text::bigint AS xid, pid, xact_start::timestamp AS txn_start,
  ''::text AS lock_mode, ''::text AS lockable_object_type, NULL::oid AS relation, true AS granted FROM pg_stat_activity WHERE xact_start IS NOT NULL;

-- Redshift's own columns of PostgreSQL's catalogue (`rules/leader_tables.py`).
CREATE OR REPLACE VIEW stand_in.pg_class AS
SELECT c.*, i.relexternid, i.relisreplicated, i.reldiststyle, i.relcreationtime, i.releffectivediststyle
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_class_info i ON i.reloid = c.oid;
CREATE OR REPLACE VIEW stand_in.pg_attribute AS
SELECT a.*,
  array_position(ARRAY['none', 'raw', 'bytedict', 'delta', 'delta32k', 'lzo', 'mostly8', 'mostly16', 'mostly32', 'runlength',
    'text255', 'text32k', 'zstd', 'az64', 'auto'], coalesce(f.facts -> 'encodings' ->> a.attname::text,
    CASE WHEN a.atttypid IN (16, 700, 701) THEN 'none' WHEN a.atttypid IN (1042, 1043) THEN 'lzo' ELSE 'az64' END)) AS attencodingtype,
  coalesce(f.facts -> 'distkeys' ? a.attname::text, false) AS attisdistkey,
  coalesce((SELECT place::int FROM jsonb_array_elements_text(f.facts -> 'sortkeys') WITH ORDINALITY AS s (name, place)
    WHERE s.name = a.attname::text LIMIT 1), 0) AS attsortkeyord, 'u'::text AS attkvtype
FROM pg_catalog.pg_attribute a LEFT JOIN stand_in.tables f ON f.id = a.attrelid;
CREATE OR REPLACE VIEW stand_in.pg_attrdef AS SELECT d.*, pg_get_expr(d.adbin, d.adrelid) AS adsrc FROM pg_catalog.pg_attrdef d;
-- A key has no index; Redshift shows one for it all the same, and clients look there for a table's key.
CREATE OR REPLACE VIEW stand_in.pg_indexes AS
SELECT n.nspname AS schemaname, c.relname AS tablename, k.named::name AS indexname, NULL::name AS tablespace,
  format('CREATE UNIQUE INDEX %I ON %I.%I USING btree (%s)', k.named, n.nspname, c.relname, array_to_string(k.columns, ', ')) AS indexdef
FROM stand_in.keys k JOIN pg_catalog.pg_class c ON c.oid = k.held JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.kind IN ('p', 'u');
GRANT SELECT ON stand_in.pg_indexes, stand_in.pg_class, stand_in.pg_attribute, stand_in.pg_attrdef TO PUBLIC;
CREATE OR REPLACE FUNCTION pg_catalog.format_encoding(int) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$
  SELECT (ARRAY['none', 'raw', 'bytedict', 'delta', 'delta32k', 'lzo', 'mostly8', 'mostly16', 'mostly32', 'runlength', 'text255',
    'text32k', 'zstd', 'az64', 'auto'])[$1] $$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record LANGUAGE sql AS $$
  SELECT ''::name, ''::name, ''::name, ''::varchar, 0 WHERE false $$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_external_columns() RETURNS SETOF record LANGUAGE sql AS $$ SELECT 0 WHERE false $$;

-- Keys are kept and not enforced; what holds lengths in bytes is hidden.
CREATE OR REPLACE FUNCTION stand_in.places(held oid, names text[]) RETURNS int2[] LANGUAGE sql STABLE AS $$
  SELECT array_agg(a.attnum ORDER BY n.place) FROM unnest(names) WITH ORDINALITY AS n (name, place)
  JOIN pg_attribute a ON a.attrelid = held AND a.attname = n.name $$;
CREATE OR REPLACE VIEW stand_in.pg_constraint AS
SELECT k.id::oid AS oid, k.named::name AS conname, c.relnamespace AS connamespace, k.kind AS contype, false AS condeferrable,
  false AS condeferred, k.held AS conrelid, 0::oid AS contypid, coalesce(to_regclass(k.other)::oid, 0::oid) AS confrelid,
  stand_in.places(k.held, k.columns) AS conkey,
  stand_in.places(to_regclass(k.other)::oid, k.referred) AS confkey, 'a'::"char" AS confupdtype, 'a'::"char" AS confdeltype,
  's'::"char" AS confmatchtype
FROM stand_in.keys k JOIN pg_class c ON c.oid = k.held;
CREATE OR REPLACE FUNCTION pg_catalog.rs_get_constraintdef(oid, bool DEFAULT false) RETURNS text LANGUAGE sql STABLE AS $$
  SELECT CASE kind WHEN 'p' THEN 'PRIMARY KEY (' WHEN 'u' THEN 'UNIQUE (' ELSE 'FOREIGN KEY (' END
    || array_to_string(columns, ', ') || ')'
    || CASE WHEN kind = 'f' THEN format(' REFERENCES %s(%s)', replace(other, '"', ''), array_to_string(referred, ', ')) ELSE '' END
  FROM stand_in.keys WHERE id::oid = $1 $$;
GRANT SELECT ON stand_in.pg_constraint TO PUBLIC;
