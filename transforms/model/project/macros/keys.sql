{# Surrogate keys are digests of what Salesforce gives: stable over rebuilds, replays and late arrivals. #}

{% macro record_key(object_name, record_id) -%}
md5('{{ object_name }}|' || {{ record_id }})
{%- endmacro %}

{% macro version_key(object_name, record_id, change_order) -%}
md5('{{ object_name }}|' || {{ record_id }} || '|' || {{ change_order }})
{%- endmacro %}

{# The parent is named and is not here yet: the next build after its arrival finds it. #}
{% macro unknown_key() -%}
'00000000000000000000000000000000'
{%- endmacro %}

{# No parent is named. #}
{% macro none_key() -%}
'ffffffffffffffffffffffffffffffff'
{%- endmacro %}

{% macro beginning() -%}
cast('1900-01-01 00:00:00+00' as timestamp with time zone)
{%- endmacro %}

{% macro ending() -%}
cast('9999-12-31 00:00:00+00' as timestamp with time zone)
{%- endmacro %}

{% macro value_key(kind, value) -%}
case when {{ value }} is null then {{ none_key() }} else md5('{{ kind }}|' || {{ value }}) end
{%- endmacro %}

{# The key of a value's row in its dimension. A value that was applied after the dimension was built has none yet:
   it is unknown until the next build, which makes the fact again. `alias` is that of `value_join`. #}
{% macro found_key(alias, dimension) -%}
coalesce({{ alias }}.{{ dimension }}_key, {{ unknown_key() }})
{%- endmacro %}

{% macro key_join(alias, dimension, key) -%}
left join {{ ref('dim_' ~ dimension) }} as {{ alias }} on {{ alias }}.{{ dimension }}_key = {{ key }}
{%- endmacro %}

{% macro value_join(alias, dimension, kind, value) -%}
{{ key_join(alias, dimension, value_key(kind, value)) }}
{%- endmacro %}

{# 0: no moment, or one outside of the calendar. A year of five digits would be no day of `dim_date`. #}
{% macro date_key(moment) -%}
case
        when {{ moment }} >= cast('{{ var("first_day") }}' as date)
            and {{ moment }} < cast('{{ var("first_day") }}' as date) + {{ var("days") | int }}
            then cast(to_char({{ moment }}, 'YYYYMMDD') as integer)
        else 0
    end
{%- endmacro %}

{# The key of the parent's version that was valid then; `alias` is that of `as_of_join`. #}
{% macro parent_key(alias, dimension, parent_id) -%}
case
        when {{ parent_id }} is null then {{ none_key() }}
        else {{ found_key(alias, dimension) }}
    end
{%- endmacro %}

{% macro as_of_join(alias, dimension, parent_id, moment) -%}
left join {{ ref('dim_' ~ dimension) }} as {{ alias }}
    on {{ alias }}.record_id = {{ parent_id }}
    and {{ moment }} >= {{ alias }}.effective_from
    and {{ moment }} < {{ alias }}.effective_to
{%- endmacro %}

{% macro hours_between(first, last) -%}
cast(round(cast(extract(epoch from {{ last }} - {{ first }}) / 3600.0 as numeric(18, 6)), 4) as numeric(14, 4))
{%- endmacro %}
