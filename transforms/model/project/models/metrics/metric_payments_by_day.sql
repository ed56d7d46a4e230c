-- needs: Payment__c, Account, ServiceRequest__c
select
    due.day as due_day,
    program.program,
    fact.currency,
    count(*) as payments,
    sum(fact.amount) as amount,
    sum(case when fact.is_settled then 1 else 0 end) as settled_payments,
    sum(case when fact.is_settled then fact.amount else 0 end) as settled_amount,
    sum(case when status.stage = 'returned' then 1 else 0 end) as returned_payments,
    sum(case when fact.is_on_hold then 1 else 0 end) as payments_on_hold
from {{ ref('fact_payment') }} as fact
join {{ ref('dim_program') }} as program on program.program_key = fact.program_key
join {{ ref('dim_status') }} as status on status.status_key = fact.status_key
join {{ ref('dim_date') }} as due on due.date_key = fact.due_date_key
where not fact.is_deleted
group by due.day, program.program, fact.currency
