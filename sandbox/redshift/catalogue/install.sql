-- What every database of the stand-in has before its first session. Run by the owner of the server.
SET allow_system_table_mods = on;
CREATE SCHEMA IF NOT EXISTS stand_in;
GRANT USAGE ON SCHEMA stand_in TO PUBLIC;
CREATE TABLE IF NOT EXISTS stand_in.tables (id oid PRIMARY KEY, facts jsonb NOT NULL);
CREATE TABLE IF NOT EXISTS stand_in.load_errors (
  query bigint GENERATED ALWAYS AS IDENTITY, userid int DEFAULT 100, slice int DEFAULT 0, tbl text,
  starttime timestamp DEFAULT clock_timestamp(), session int DEFAULT 0, filename text, line_number bigint DEFAULT 0,
  colname text, type text, col_length text, position int DEFAULT 0, raw_line text DEFAULT '',
  raw_field_value text DEFAULT '', err_code int, err_reason text, is_partial int DEFAULT 0, start_offset bigint DEFAULT 0
);
CREATE TABLE IF NOT EXISTS stand_in.keys (
  id bigint GENERATED ALWAYS AS IDENTITY (START 3000000000 MINVALUE 3000000000), held oid, named text, kind "char", columns text[], other text, referred text[]
);
GRANT SELECT ON stand_in.tables, stand_in.keys, stand_in.load_errors TO PUBLIC;

-- A boolean cannot be cast to a text (rule boolean-to-text).
CREATE OR REPLACE FUNCTION stand_in.no_text(boolean) RETURNS text LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'cannot cast type boolean to character varying' USING ERRCODE = '42846'; END $$;
UPDATE pg_cast SET castfunc = 'stand_in.no_text(boolean)'::regprocedure WHERE castsource = 16 AND casttarget IN (25, 1042, 1043);

-- Hold lengths in bytes: PostgreSQL counts characters. The constraint's name ends with the bytes.
-- One ALTER TABLE for all columns: a statement a column would fire the trigger within itself, once a column.
CREATE OR REPLACE FUNCTION stand_in.hold_bytes(held oid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE changes text;
BEGIN
  WITH wanted AS (
    SELECT attname, attnum, atttypmod - 4 AS bytes, format('stand_in_bytes_%s_%s', attnum, atttypmod - 4) AS named
    FROM pg_attribute
    WHERE attrelid = held AND attnum > 0 AND NOT attisdropped AND atttypid IN (1042, 1043) AND atttypmod > 4
  ), present AS (
    SELECT conname, split_part(conname, '_', 4) AS attnum FROM pg_constraint
    WHERE conrelid = held AND starts_with(conname, 'stand_in_bytes_')
  ), steps AS (
    SELECT 1 AS place, format('DROP CONSTRAINT %I', conname) AS step FROM present
    WHERE conname NOT IN (SELECT named FROM wanted) AND attnum IN (SELECT attnum::text FROM wanted)
    UNION ALL
    SELECT 2, format('ADD CONSTRAINT %I CHECK (octet_length(%I) <= %s)', named, attname, bytes) FROM wanted
    WHERE named NOT IN (SELECT conname FROM present)
  )
  SELECT string_agg(step, ', ' ORDER BY place) INTO changes FROM steps;
  IF changes IS NOT NULL THEN
    EXECUTE format('ALTER TABLE %s %s', held::regclass, changes);
  END IF;
END $$;

-- The table of that name, on the path of the session. The trigger has a path of its own.
CREATE OR REPLACE FUNCTION stand_in.named(given text) RETURNS oid LANGUAGE sql STABLE AS $$
  SELECT coalesce(to_regclass(given), to_regclass('public.' || given), to_regclass('pg_temp.' || given))::oid $$;

-- Keep what a statement says of a table and PostgreSQL has no place for; it comes as a comment.
CREATE OR REPLACE FUNCTION stand_in.keep() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
DECLARE made record; told jsonb; before jsonb;
BEGIN
  -- The statement's own ALTER TABLE, by which lengths are held, has nothing to tell.
  IF current_setting('stand_in.holds', true) = 'on' THEN RETURN; END IF;
  PERFORM set_config('stand_in.holds', 'on', true);
  told := coalesce(substring(current_query() FROM '^/\*stand-in:(.*?)\*/')::jsonb, '{}');
  IF told ? 'like' THEN
    told := coalesce((SELECT facts - 'keys' FROM stand_in.tables WHERE id = stand_in.named(told ->> 'like')), '{}');
  END IF;
  FOR made IN SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands() WHERE classid = 'pg_class'::regclass
  LOOP
    CONTINUE WHEN NOT EXISTS (SELECT FROM pg_class WHERE oid = made.objid AND relkind = 'r');
    PERFORM stand_in.hold_bytes(made.objid);
    SELECT facts INTO before FROM stand_in.tables WHERE id = made.objid;
    INSERT INTO stand_in.tables VALUES (made.objid, told)
      ON CONFLICT (id) DO UPDATE SET facts = tables.facts || told
        || jsonb_build_object('encodings', coalesce(before -> 'encodings', '{}') || coalesce(told -> 'encodings', '{}'));
    INSERT INTO stand_in.keys (held, named, kind, columns, other, referred)
      SELECT made.objid, coalesce(each ->> 'name', (SELECT relname FROM pg_class WHERE oid = made.objid)
          || CASE each ->> 'kind' WHEN 'p' THEN '_pkey' WHEN 'u' THEN '_' || (each -> 'columns' ->> 0) || '_key' ELSE '_' || (each -> 'columns' ->> 0) || '_fkey' END),
        (each ->> 'kind')::"char", ARRAY(SELECT jsonb_array_elements_text(each -> 'columns')), each ->> 'table',
        ARRAY(SELECT jsonb_array_elements_text(coalesce(each -> 'referred', '[]')))
      FROM jsonb_array_elements(coalesce(told -> 'keys', '[]')) AS each;
    DELETE FROM stand_in.keys WHERE held = made.objid AND named = told ->> 'drop_key';
  END LOOP;
  PERFORM set_config('stand_in.holds', 'off', true);
END $$;
DROP EVENT TRIGGER IF EXISTS stand_in_keep;
CREATE EVENT TRIGGER stand_in_keep ON ddl_command_end
  WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE') EXECUTE FUNCTION stand_in.keep();
