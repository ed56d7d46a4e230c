-- Functions of Redshift that PostgreSQL lacks, or has with other types.
CREATE OR REPLACE FUNCTION pg_catalog.getdate() RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT (now() AT TIME ZONE 'UTC')::timestamp(0) $$;
CREATE OR REPLACE FUNCTION pg_catalog.sysdate() RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT now() AT TIME ZONE 'UTC' $$;
CREATE OR REPLACE FUNCTION pg_catalog.len(varchar) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT length($1) $$;
CREATE OR REPLACE FUNCTION pg_catalog.textlen(varchar) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT length($1) $$;
CREATE OR REPLACE FUNCTION pg_catalog.nvl(anycompatible, anycompatible) RETURNS anycompatible LANGUAGE sql IMMUTABLE AS $$ SELECT coalesce($1, $2) $$;
CREATE OR REPLACE FUNCTION pg_catalog.nvl2(anyelement, anycompatible, anycompatible) RETURNS anycompatible LANGUAGE sql IMMUTABLE AS $$ SELECT CASE WHEN $1 IS NOT NULL THEN $2 ELSE $3 END $$;
CREATE OR REPLACE FUNCTION pg_catalog.charindex(varchar, varchar) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT strpos($2, $1) $$;
CREATE OR REPLACE FUNCTION pg_catalog.replicate(varchar, int) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT repeat($1, $2) $$;
CREATE OR REPLACE FUNCTION pg_catalog.strtol(varchar, int) RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE given text := lower($1); total bigint := 0; place int;
BEGIN
  FOR place IN 1..length(given) LOOP
    total := total * $2 + strpos('0123456789abcdefghijklmnopqrstuvwxyz', substr(given, place, 1)) - 1;
  END LOOP;
  RETURN total;
END $$;
CREATE OR REPLACE FUNCTION pg_catalog.sha2(varchar, int) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT encode(CASE $2 WHEN 224 THEN sha224(convert_to($1, 'UTF8')) WHEN 384 THEN sha384(convert_to($1, 'UTF8'))
    WHEN 512 THEN sha512(convert_to($1, 'UTF8')) ELSE sha256(convert_to($1, 'UTF8')) END, 'hex') $$;
CREATE OR REPLACE FUNCTION stand_in.part(varchar) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN $1 IN ('d', 'day', 'days') THEN 'day' WHEN $1 IN ('h', 'hr', 'hrs', 'hour', 'hours') THEN 'hour'
    WHEN $1 IN ('m', 'min', 'mins', 'minute', 'minutes') THEN 'minute' WHEN $1 IN ('s', 'sec', 'secs', 'second', 'seconds') THEN 'second'
    WHEN $1 IN ('w', 'week', 'weeks') THEN 'week' WHEN $1 IN ('mon', 'mons', 'month', 'months') THEN 'month'
    WHEN $1 IN ('y', 'yr', 'yrs', 'year', 'years') THEN 'year' WHEN $1 IN ('qtr', 'qtrs', 'quarter', 'quarters') THEN 'quarter'
    WHEN $1 LIKE 'milli%n_' OR $1 LIKE 'ms%' OR $1 LIKE 'millisec%' THEN 'millisecond'
    WHEN $1 LIKE 'micro%' OR $1 = 'us' THEN 'microsecond' ELSE $1 END $$;
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(varchar, bigint, timestamptz) RETURNS timestamptz LANGUAGE sql STABLE STRICT AS $$
  SELECT $3 + CASE stand_in.part(lower($1)) WHEN 'quarter' THEN $2 * 3 ELSE $2 END
    * ('1 ' || replace(stand_in.part(lower($1)), 'quarter', 'month'))::interval $$;
CREATE OR REPLACE FUNCTION pg_catalog.dateadd(varchar, bigint, timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT $3 + CASE stand_in.part(lower($1)) WHEN 'quarter' THEN $2 * 3 ELSE $2 END
    * ('1 ' || replace(stand_in.part(lower($1)), 'quarter', 'month'))::interval $$;
CREATE OR REPLACE FUNCTION pg_catalog.datediff(varchar, timestamp, timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE stand_in.part(lower($1))
    WHEN 'year' THEN (extract(year FROM $3) - extract(year FROM $2))::bigint
    WHEN 'quarter' THEN ((extract(year FROM $3) - extract(year FROM $2)) * 4 + extract(quarter FROM $3) - extract(quarter FROM $2))::bigint
    WHEN 'month' THEN ((extract(year FROM $3) - extract(year FROM $2)) * 12 + extract(month FROM $3) - extract(month FROM $2))::bigint
    WHEN 'week' THEN (extract(epoch FROM date_trunc('week', $3 + interval '1 day') - date_trunc('week', $2 + interval '1 day')) / 604800)::bigint
    WHEN 'day' THEN $3::date - $2::date
    WHEN 'millisecond' THEN (extract(epoch FROM $3 - $2) * 1000)::bigint
    WHEN 'microsecond' THEN (extract(epoch FROM $3 - $2) * 1000000)::bigint
    ELSE (extract(epoch FROM date_trunc(stand_in.part(lower($1)), $3) - date_trunc(stand_in.part(lower($1)), $2))
      / extract(epoch FROM ('1 ' || stand_in.part(lower($1)))::interval))::bigint END $$;
CREATE OR REPLACE FUNCTION pg_catalog.add_months(timestamp, int) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
  SELECT CASE WHEN $1::date = (date_trunc('month', $1) + interval '1 month - 1 day')::date
    THEN date_trunc('month', $1 + $2 * interval '1 month') + interval '1 month - 1 day' + ($1 - date_trunc('day', $1))
    ELSE $1 + $2 * interval '1 month' END $$;
CREATE OR REPLACE FUNCTION pg_catalog.last_day(timestamp) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT (date_trunc('month', $1) + interval '1 month - 1 day')::date $$;
CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(varchar, varchar, timestamp) RETURNS timestamp LANGUAGE sql STABLE STRICT AS $$ SELECT $3 AT TIME ZONE $1 AT TIME ZONE $2 $$;
CREATE OR REPLACE FUNCTION pg_catalog.convert_timezone(varchar, timestamp) RETURNS timestamp LANGUAGE sql STABLE STRICT AS $$ SELECT $2 AT TIME ZONE 'UTC' AT TIME ZONE $1 $$;
CREATE OR REPLACE FUNCTION pg_catalog.json_extract_path_text(varchar, VARIADIC text[]) RETURNS varchar LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN $1 = '' THEN NULL ELSE coalesce($1::jsonb #>> $2, '') END $$;
CREATE OR REPLACE FUNCTION pg_catalog.json_array_length(varchar) RETURNS int LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT jsonb_array_length($1::jsonb) $$;
CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json(varchar) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 IS JSON OBJECT OR $1 IS JSON ARRAY $$;
CREATE OR REPLACE FUNCTION pg_catalog.is_valid_json_array(varchar) RETURNS bool LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1 IS JSON ARRAY $$;
CREATE OR REPLACE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint LANGUAGE sql AS $$ SELECT 0::bigint $$;
-- Every match is replaced, and no match gives an empty text; PostgreSQL replaces the first, and gives null.
CREATE OR REPLACE FUNCTION pg_catalog.rs_regexp_replace(varchar, varchar, varchar DEFAULT '', int DEFAULT 1, varchar DEFAULT '') RETURNS varchar
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT regexp_replace($1, $2, $3, $4, 0, translate($5, 'ep', '')) $$;
CREATE OR REPLACE FUNCTION pg_catalog.rs_regexp_substr(varchar, varchar, int DEFAULT 1, int DEFAULT 1, varchar DEFAULT '') RETURNS varchar
LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT coalesce(regexp_substr($1, $2, $3, $4, translate($5, 'ep', '')), '') $$;
