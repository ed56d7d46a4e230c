-- needs: Case, Account, Contact
select
    program.program,
    decided.month_start as decided_month,
    count(*) as decided_cases,
    round(cast(avg(fact.hours_to_decision) as numeric(18, 4)), 4) as average_hours,
    round(cast(percentile_cont(0.5) within group (order by fact.hours_to_decision) as numeric(18, 4)), 4) as median_hours,
    round(cast(percentile_cont(0.9) within group (order by fact.hours_to_decision) as numeric(18, 4)), 4) as p90_hours
from {{ ref('fact_case') }} as fact
join {{ ref('dim_program') }} as program on program.program_key = fact.program_key
join {{ ref('dim_date') }} as decided on decided.date_key = fact.decided_date_key
where fact.hours_to_decision is not null and not fact.is_deleted
group by program.program, decided.month_start
