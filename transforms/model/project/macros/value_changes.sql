{# The changes of one field of an object's records, in their order, as common table expressions that end with
   `numbered`: its value then and before, and the number of the change. A delete and an undelete are rows, too. #}
{% macro value_changes(table, column, parents) -%}
log as (
    select
        record_id,
        change_order,
        change_type,
        changed_at,
        commit_user,
        change_origin,
        case when has_{{ column }} then {{ column }} end as value_now,
        has_{{ column }} as is_carried
    from {{ ref('stg_' ~ table ~ '_change') }}
    {{ only_touched(table, parents) }}
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
            when change_type = 'delete' then 'deleted'
            when change_type = 'undelete' then 'undeleted'
            when place = 1 then 'first'
            else 'changed'
        end as kind,
        row_number() over (partition by record_id order by change_order) as event_number,
        lag(changed_at) over (partition by record_id order by change_order) as before_at
    from compared
    where place = 1 or change_type in ('delete', 'undelete') or coalesce(value_then, '') <> coalesce(value_before, '')
)
{%- endmacro %}
