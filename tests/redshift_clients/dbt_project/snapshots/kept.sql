{% snapshot kept %}
{{ config(target_schema=target.schema, unique_key='id', strategy='timestamp', updated_at='changed_at') }}
select id, name, changed_at from {{ ref('raw_things') }}
{% endsnapshot %}
