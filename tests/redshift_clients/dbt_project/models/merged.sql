{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge') }}
select id, name from {{ ref('raw_things') }}
