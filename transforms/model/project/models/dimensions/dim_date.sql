with digits as (
    select 0 as digit union all select 1 union all select 2 union all select 3 union all select 4
    union all select 5 union all select 6 union all select 7 union all select 8 union all select 9
),

days as (
    select cast('{{ var("first_day") }}' as date) + (ones.digit + 10 * tens.digit + 100 * hundreds.digit + 1000 * thousands.digit
            + 10000 * ten_thousands.digit) as day
    from digits as ones
    cross join digits as tens
    cross join digits as hundreds
    cross join digits as thousands
    cross join digits as ten_thousands
)

select
    cast(to_char(day, 'YYYYMMDD') as integer) as date_key,
    day,
    cast(extract(year from day) as integer) as year,
    cast(extract(quarter from day) as integer) as quarter,
    cast(extract(month from day) as integer) as month,
    cast(extract(week from day) as integer) as iso_week,
    cast(extract(dow from day) as integer) as day_of_week,
    extract(dow from day) in (0, 6) as is_weekend,
    cast(date_trunc('month', day) as date) as month_start
from days
where day < cast('{{ var("first_day") }}' as date) + {{ var("days") | int }}
union all
select 0, null, null, null, null, null, null, null, null
