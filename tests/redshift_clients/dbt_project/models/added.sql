{{ config(materialized='incremental', unique_key='id', incremental_strategy='delete+insert') }}
select id, name, changed_at from {{ ref('raw_things') }}
{% if is_incremental() %} where changed_at >= (select max(changed_at) from {{ this }}) {% endif %}
