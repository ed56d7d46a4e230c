-- needs: Case, Account, Contact
with judged as (
    select
        program_key,
        -- Decided late, or not decided and due: one definition for every report.
        case
            when is_decided_late is not null then is_decided_late
            when is_open then sla_due_at < current_timestamp
            else false
        end as is_breached,
        is_decided_late is null and is_open and sla_due_at < current_timestamp as is_open_breach
    from {{ ref('fact_case') }}
    where sla_due_at is not null and not is_deleted
)

select
    program.program,
    count(*) as cases_with_sla,
    sum(case when judged.is_breached then 1 else 0 end) as breaches,
    sum(case when judged.is_open_breach then 1 else 0 end) as open_breaches,
    round(cast(100.0 * sum(case when judged.is_breached then 1 else 0 end) / count(*) as numeric(9, 4)), 2) as breach_percent
from judged
join {{ ref('dim_program') }} as program on program.program_key = judged.program_key
group by program.program
