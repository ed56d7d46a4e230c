{{ config(materialized='view') }}
select listagg(name, ',') within group (order by id) as names from {{ ref('things') }}
