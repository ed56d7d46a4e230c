{{ config(materialized='table', dist='id', sort=['changed_at']) }}
select id, name, changed_at, price * 2 as price, dateadd(day, 1, changed_at) as later
from {{ ref('raw_things') }}
