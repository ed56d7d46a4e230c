-- needs: Case, Account
-- Each case that names an account has the key of the version that was valid when it was opened.
select fact.record_id
from {{ ref('fact_case') }} as fact
join {{ ref('stg_case') }} as source_row on source_row.record_id = fact.record_id
left join {{ ref('dim_account') }} as account on account.account_key = fact.account_key
where source_row.account_id is not null
    and coalesce(account.record_id, '') <> '(unknown)'
    and (
        account.record_id is null
        or account.record_id <> source_row.account_id
        or fact.opened_at < account.effective_from
        or fact.opened_at >= account.effective_to
    )
