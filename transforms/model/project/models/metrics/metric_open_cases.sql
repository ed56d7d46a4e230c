-- needs: Case, Account, Contact
select
    program.program,
    status.status,
    status.stage,
    fact.priority,
    count(*) as open_cases,
    sum(case when fact.sla_due_at < current_timestamp then 1 else 0 end) as open_cases_past_sla
from {{ ref('fact_case') }} as fact
join {{ ref('dim_program') }} as program on program.program_key = fact.program_key
join {{ ref('dim_status') }} as status on status.status_key = fact.status_key
where fact.is_open
group by program.program, status.status, status.stage, fact.priority
