-- needs: Payment__c, Account
-- Each payment that names an account has the key of the version that was valid then.
select fact.record_id
from {{ ref('fact_payment') }} as fact
join {{ ref('stg_payment') }} as source_row on source_row.record_id = fact.record_id
left join {{ ref('dim_account') }} as account on account.account_key = fact.account_key
where source_row.account is not null
    and coalesce(account.record_id, '') <> '(unknown)'
    and (
        account.record_id is null
        or account.record_id <> source_row.account
        or fact.due_at < account.effective_from
        or fact.due_at >= account.effective_to
    )
