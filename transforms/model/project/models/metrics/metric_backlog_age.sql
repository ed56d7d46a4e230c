-- needs: Case, Account, Contact
with open_cases as (
    select program_key, extract(epoch from current_timestamp - opened_at) / 86400.0 as age_days
    from {{ ref('fact_case') }}
    where is_open
),

banded as (
    select
        program_key,
        age_days,
        case
            when age_days < 7 then '1: under 7 days'
            when age_days < 30 then '2: 7 to 30 days'
            when age_days < 90 then '3: 30 to 90 days'
            else '4: 90 days and more'
        end as age_band
    from open_cases
)

select
    program.program,
    banded.age_band,
    count(*) as open_cases,
    round(cast(avg(banded.age_days) as numeric(18, 4)), 2) as average_age_days,
    round(cast(max(banded.age_days) as numeric(18, 4)), 2) as oldest_age_days
from banded
join {{ ref('dim_program') }} as program on program.program_key = banded.program_key
group by program.program, banded.age_band
