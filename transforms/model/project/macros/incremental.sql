{# The time from which on arrivals are taken: the start of the last build that succeeded, less an overlap for
   transactions that were open then. Before the first build: all of them. #}
{% macro since() -%}
(
            select coalesce(max(started_at) - interval '{{ var("overlap_minutes") | int }} minutes', {{ beginning() }})
            from {{ builds_table() }}
        )
{%- endmacro %}

{# Tests compare facts with staging, which goes on while a build runs. A record that arrived since this time may
   differ in both: the next build makes its fact again. #}
{% macro facts_are_of() -%}
{%- if flags.WHICH == 'build' -%}
cast('{{ run_started_at.isoformat() }}' as timestamp with time zone) - interval '{{ var("overlap_minutes") | int }} minutes'
{%- else -%}
{{ since() }}
{%- endif -%}
{%- endmacro %}

{% macro builds_table() -%}
{{ target.schema }}.model_builds
{%- endmacro %}

{# References stand outside of the condition: dbt looks for them where nothing is incremental yet. #}
{% macro only_arrived(table) -%}
{%- set arrivals = ref('stg_' ~ table ~ '_arrival') -%}
{%- if is_incremental() -%}
where record_id in (select record_id from {{ arrivals }} where arrived_at >= {{ since() }})
{%- endif -%}
{%- endmacro %}

{# Records whose own changes arrived, or those of a parent that they point to. `parents` is a list of
   [column, table of the parent]. #}
{% macro only_touched(table, parents) -%}
{%- set arrivals = ref('stg_' ~ table ~ '_arrival') -%}
{%- set children = ref('stg_' ~ table) -%}
{%- set of_parents = [] -%}
{%- for column, parent in parents -%}
{%- do of_parents.append([column, ref('stg_' ~ parent ~ '_arrival')]) -%}
{%- endfor -%}
{%- if is_incremental() -%}
where record_id in (
        select record_id from {{ arrivals }} where arrived_at >= {{ since() }}
        {%- for column, arrivals_of_parent in of_parents %}
        union
        select child.record_id
        from {{ children }} as child
        join {{ arrivals_of_parent }} as parent_arrival on parent_arrival.record_id = child.{{ column }}
        where parent_arrival.arrived_at >= {{ since() }}
        {%- endfor %}
    )
{%- endif -%}
{%- endmacro %}

{% macro begin_build() -%}
create table if not exists {{ builds_table() }} (
    build_id varchar(64) not null, started_at timestamp with time zone not null, ended_at timestamp with time zone not null
)
{%- endmacro %}

{# A build that fails is not kept, so the next one does its part again. #}
{% macro end_build(results) -%}
{%- set failed = results | selectattr('status', 'in', ['error', 'fail', 'runtime error']) | list -%}
{%- if execute and flags.WHICH in ('build', 'run') and not failed and not var('partial') -%}
insert into {{ builds_table() }} (build_id, started_at, ended_at)
values ('{{ invocation_id }}', cast('{{ run_started_at.isoformat() }}' as timestamp with time zone), current_timestamp)
{%- endif -%}
{%- endmacro %}
