{# The table as the last build left it, for what it alone knows: changes leave the log with their months. A build
   from nothing reads it, too, before it replaces it. None before the first build. #}
{% macro as_it_was() -%}
{{ return(load_cached_relation(this)) }}
{%- endmacro %}

{# The values of a column that a dimension had before, without those that stand for none. #}
{% macro and_as_before(columns, is_real) -%}
{%- set before = as_it_was() -%}
{%- if before %}
    union
    select {{ columns }} from {{ before }} where {{ is_real }}
{%- endif -%}
{%- endmacro %}
