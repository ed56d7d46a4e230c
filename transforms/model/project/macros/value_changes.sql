{# The changes of one field of an object's records, in their order, as common table expressions that end with
   `numbered`: its value then and before, and the number of the change. A delete and an undelete are rows, too.

   Changes that have left the log with their months are taken from the table itself, where they are rows called
   `shown_as`. Where it has none of a record, the record's base stands for them, as one row. #}
{% macro value_changes(table, column, parents, shown_as=none) -%}
{%- set before = as_it_was() -%}
{%- set known = adapter.get_columns_in_relation(before) | map(attribute='name') | list if before else [] -%}
logged as (
    select
        record_id,
        change_order,
        change_type,
        changed_at,
        {{ value_key('user', 'commit_user') }} as changed_by_key,
        change_origin,
        case when has_{{ column }} then {{ column }} end as value_now,
        has_{{ column }} as is_carried
    from {{ ref('stg_' ~ table ~ '_change') }}
    {{ only_touched(table, parents) }}
),

based as (
    select record_id, change_order, changed_at, {{ column }} as value_now
    from {{ ref('stg_' ~ table ~ '_base') }}
    {{ only_touched(table, parents) }}
),
{% if before %}
kept as (
    select
        event.record_id,
        event.change_order,
        case event.kind when 'deleted' then 'delete' when 'undeleted' then 'undelete' when 'archived' then 'base' else 'update' end
            as change_type,
        event.changed_at,
        event.changed_by_key,
        {{ 'event.change_origin' if 'change_origin' in known else 'null' }} as change_origin,
        event.{{ shown_as or column }} as value_now
    from {{ before }} as event
    join based on based.record_id = event.record_id and event.change_order <= based.change_order
    where not exists (
        select 1 from logged where logged.record_id = event.record_id and logged.change_order = event.change_order
    )
),
{% endif %}
log as (
    select * from logged
    {%- if before %}
    union all
    select record_id, change_order, change_type, changed_at, changed_by_key, change_origin, value_now, true from kept
    {%- endif %}
    union all
    select record_id, change_order, 'base', changed_at, {{ none_key() }}, null, value_now, true
    from based
    {%- if before %}
    where record_id not in (select record_id from kept)
    {%- endif %}
),

spells as (
    -- A spell begins with each change that carries the field, and lasts until the next one.
    select
        *,
        sum(case when is_carried then 1 else 0 end) over (
            partition by record_id order by change_order rows between unbounded preceding and current row
        ) as spell
    from log
    where is_carried or change_type in ('delete', 'undelete')
),

known as (
    select *, max(value_now) over (partition by record_id, spell) as value_then
    from spells
),

compared as (
    select
        *,
        lag(value_then) over (partition by record_id order by change_order) as value_before,
        row_number() over (partition by record_id order by change_order) as place
    from known
),

numbered as (
    select
        *,
        case
            when change_type = 'base' then 'archived'
            when change_type = 'delete' then 'deleted'
            when change_type = 'undelete' then 'undeleted'
            when place = 1 then 'first'
            else 'changed'
        end as kind,
        row_number() over (partition by record_id order by change_order) as event_number,
        lag(changed_at) over (partition by record_id order by change_order) as before_at
    from compared
    where
        place = 1
        or change_type in ('base', 'delete', 'undelete')
        or coalesce(value_then, '') <> coalesce(value_before, '')
)
{%- endmacro %}
